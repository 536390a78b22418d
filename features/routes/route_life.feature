Feature: Routes follow the Nodes
  The cloud's route table holds a route to each Node's Pods, and no other to addresses of Pods: a wrong route takes
  traffic from those it is meant for. Routes to elsewhere are not the cluster's, and stay.

  @node-network-available-after-route @core @disruptive @needs.instances @needs.routes @needs.instance-launch
  Scenario: A Node's network is called available once it has its route
    Given all Nodes
    When a Node joins on an instance of its own
    Then the Node's network is called available because of its route
    And the cloud has one route to the Node's Pods, and it leads to the Node's instance

  @route-removed-with-node @core @disruptive @needs.instances @needs.routes @needs.instance-launch
  Scenario: The route of a Node that is gone goes
    Given a Node on an instance of its own, with its route
    When the instance is deleted in the cloud
    Then the cloud has no route to the Node's Pods

  @route-restored @core @disruptive @needs.instances @needs.routes @needs.instance-launch
  Scenario: A route that was deleted in the cloud comes back
    Given a Node on an instance of its own, with its route
    And a Pod on it that is reached from other Nodes
    When the Node's route is deleted in the cloud
    Then the cloud has one route to the Node's Pods, and it leads to the Node's instance
    And the Pod is reached from other Nodes

  @route-stray-removed @core @needs.instances @needs.routes
  Scenario: A route to addresses of Pods that no Node needs goes
    Given all Nodes
    When a route that no Node needs appears in the cloud
    Then the route that no Node needs is gone
    And the cloud has one route to each Node's Pods, and it leads to the Node's instance

  @route-foreign-untouched @core @needs.instances @needs.routes
  Scenario: A route to elsewhere stays
    Given all Nodes
    When a route to elsewhere appears in the cloud, and after it one that no Node needs
    Then the route that no Node needs is gone
    And the route to elsewhere is still there

  @route-failure-reported @extended @needs.routes
  Scenario: A route that cannot be made is reported
    When a Node appears that no instance stands behind, and calls itself Ready
    Then an event reported that its route could not be made
    And the Node's network is called unavailable for want of a route
