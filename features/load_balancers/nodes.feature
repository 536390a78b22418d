Feature: Load balancers follow the cluster's Nodes
  A load balancer sends its traffic to Nodes. A Node that joins takes part, one that goes or is excluded does not. One
  that only fails to report stays among the targets: whether it gets traffic is for the load balancer's own health check.

  # A load balancer that finds no Node healthy tries them all: nobody notices, until one of them is not.

  @lb-two-services-find-nodes-healthy @core @needs.load-balancer @needs.instances
  Scenario: The load balancers of two Services find every Node healthy, side by side
    Given a Service with a load balancer
    When another LoadBalancer Service with a backend is created
    Then the load balancer of the other Service finds every Node healthy
    And the load balancer finds every Node healthy

  # These run alone: a Node that takes part does so in the load balancers of all scenarios.

  @lb-new-node-joins-backends @core @disruptive @serial @needs.load-balancer @needs.instances @needs.instance-launch
  Scenario: A Node that joins the cluster becomes a target of the load balancer
    Given a Service with a load balancer
    When a Node joins the cluster on an instance of its own
    Then the load balancer has the Node among its targets, and finds it healthy
    And an event tells that the load balancer has other Nodes
    And clients outside the cluster reach the backend through the load balancer

  @lb-deleted-node-leaves-backends @core @disruptive @serial @needs.load-balancer @needs.instances @needs.instance-launch
  Scenario: A Node that is deleted leaves the targets of the load balancer
    Given a Node on an instance of its own that load balancers may have
    And a Service with a load balancer that has the Node among its targets
    When the Node is deleted
    Then the load balancer has every Node but that one among its targets
    And an event tells that the load balancer has other Nodes
    And clients outside the cluster reach the backend through the load balancer

  @lb-excluded-node-leaves-backends @core @disruptive @serial @needs.load-balancer @needs.instances @needs.instance-launch
  Scenario: A Node that is excluded is no target of the load balancer until it is excluded no longer
    Given a Node on an instance of its own that load balancers may have
    And a Service with the Local traffic policy and a load balancer, and the Node has the only backend
    When the Node changes step by step
      | change                                             | outcome                                                                |
      | the Node is excluded from load balancers           | the load balancer has every Node but that one among its targets        |
      |                                                    | an event tells that the load balancer has other Nodes                  |
      |                                                    | clients outside the cluster get no answer from the backend             |
      | the Node is no longer excluded from load balancers | the load balancer has the Node among its targets, and finds it healthy |
      |                                                    | an event tells that the load balancer has other Nodes                  |
    Then clients outside the cluster reach the backend through the load balancer

  @lb-node-provider-id-change-syncs @extended @serial @disruptive
  @needs.load-balancer @needs.instances @needs.instance-launch @needs.instance-replace
  Scenario: A load balancer follows a Node to another instance
    Given a Node on an instance of its own that load balancers may have
    And a Service with a load balancer that has the Node among its targets
    When another instance takes the place of the Node's
    Then the Node of that name is on another instance
    And the load balancer has the Node among its targets, and finds it healthy
    And clients outside the cluster reach the backend through the load balancer

  @lb-autoscaler-taint @extended @disruptive @serial @needs.load-balancer @needs.instances @needs.instance-launch
  Scenario: A Node that is about to be removed leaves the targets when they change next, and not before
    Given a Node on an instance of its own that load balancers may have
    And a Service with a load balancer that has the Node among its targets
    When the Node changes step by step
      | change                                            | outcome                                                         |
      | the cluster autoscaler marks the Node for removal | the load balancer keeps the Node among its targets              |
      | the Service gets one more annotation              | the load balancer has every Node but that one among its targets |
    Then clients outside the cluster reach the backend through the load balancer

  @lb-notready-node-kept @core @serial @disruptive
  @needs.load-balancer @needs.instances @needs.instance-launch @needs.instance-stop
  Scenario: A Node that is not Ready stays among the targets of the load balancer
    Given a Node on an instance of its own that load balancers may have
    And a Service with a load balancer that has the Node among its targets
    When the instance is stopped in the cloud
    Then the load balancer keeps the Node among its targets although the Node is not Ready
    And clients outside the cluster reach the backend through the load balancer

  @lb-no-eligible-nodes-warned @core @serial @disruptive @needs.load-balancer @needs.instances
  Scenario: A load balancer that has no Node left is warned of
    Given a Service with a load balancer
    When these things happen one after another
      | change                                               | outcome                                                    |
      | every Node is excluded from load balancers           | an event warns that the load balancer has no Node          |
      |                                                      | the load balancer has no Node among its targets            |
      |                                                      | clients outside the cluster get no answer from the backend |
      | the Nodes are no longer excluded from load balancers | the load balancer has every Node among its targets again   |
    Then clients outside the cluster reach the backend through the load balancer
