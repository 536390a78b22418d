Feature: Load balancers of Services with the Local traffic policy
  With the external traffic policy Local a Node hands traffic only to its own Pods, so that the client's address need not
  be replaced. Load balancers learn from a health check node port which Nodes have such Pods.

  @lb-etp-local-preserves-client-ip @kep @extended @needs.load-balancer @needs.lb-client-address
  Scenario: Behind a load balancer with the Local traffic policy a backend sees the client's own address
    Given a backend
    When the Service changes step by step
      | change                                                                          | outcome                                                          |
      | a LoadBalancer Service with the Local traffic policy is created for the backend | the Service gets an ingress address                              |
      |                                                                                 | the backend sees the addresses of clients outside the cluster    |
      |                                                                                 | only the backend's Node is healthy at the health check node port |
      | the Service becomes a ClusterIP Service                                         | no Node is healthy at the former health check node port          |
    Then the load balancer and all that it owned is gone from the cloud

  @lb-etp-local-targets-all-endpoint-nodes @kep @core @needs.load-balancer @needs.instances
  Scenario: With the Local traffic policy every Node that has a backend gets traffic
    Given a LoadBalancer Service with the Local traffic policy and no backend
    When a backend comes to each of two Nodes
    Then clients outside the cluster reach every Pod of the backend through the load balancer
    And clients outside the cluster reach the backend through the load balancer
    And the load balancer finds the backend's Nodes healthy, and no others

  @lb-etp-local-only-endpoint-nodes-healthy @core @needs.load-balancer @needs.instances
  Scenario: With the Local traffic policy a load balancer follows the backend from Node to Node
    Given a backend
    When the Service changes step by step
      | change                                                                          | outcome                                                                 |
      | a LoadBalancer Service with the Local traffic policy is created for the backend | the Service gets an ingress address                                     |
      |                                                                                 | the load balancer finds the backend's Nodes healthy, and no others      |
      |                                                                                 | clients outside the cluster reach the backend through the load balancer |
      | the backend moves to another Node                                               | only the backend's Node is healthy at the health check node port        |
      |                                                                                 | the load balancer finds the backend's Nodes healthy, and no others      |
      |                                                                                 | clients outside the cluster reach the backend through the load balancer |
      | the backend moves to another Node                                               | only the backend's Node is healthy at the health check node port        |
      |                                                                                 | the load balancer finds the backend's Nodes healthy, and no others      |
    Then clients outside the cluster reach the backend through the load balancer

  @lb-etp-local-from-pods @kep @extended @needs.load-balancer @needs.lb-vip
  Scenario: A Pod that calls a load balancer with the Local traffic policy is seen as itself
    Given a backend
    When a LoadBalancer Service with the Local traffic policy is created for the backend
    Then the Service gets an ingress address
    And the backend sees the addresses of Pods that call the load balancer

  @lb-etp-switch @core @needs.load-balancer @needs.instances
  Scenario: A load balancer follows its Service's traffic policy
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                          | outcome                                                                   |
      | the Service asks for the Local traffic policy   | the Service has a health check node port                                  |
      |                                                 | the load balancer asks the health check node port for its targets' health |
      |                                                 | only the backend's Node is healthy at the health check node port          |
      |                                                 | the load balancer finds the backend's Nodes healthy, and no others        |
      |                                                 | clients outside the cluster reach the backend through the load balancer   |
      |                                                 | the Service has kept its ingress address                                  |
      | the Service asks for the Cluster traffic policy | the Service has no health check node port                                 |
      |                                                 | the load balancer asks the former health check node port no more          |
      |                                                 | no Node is healthy at the former health check node port                   |
      |                                                 | the load balancer finds every Node healthy                                |
      |                                                 | clients outside the cluster reach the backend through the load balancer   |
      |                                                 | the Service has kept its ingress address                                  |
    Then Pods reach the backend through the Service

  @lb-health-check-node-port @core @needs.load-balancer @needs.instances
  Scenario: A load balancer asks Nodes for a backend where the Service says
    Given a backend
    When a LoadBalancer Service with the Local traffic policy is created for the backend
    Then the Service has a health check node port
    And the Service gets an ingress address
    And the load balancer asks the health check node port for its targets' health
    And the load balancer finds the backend's Nodes healthy, and no others

  @lb-health-check-fails-with-only-terminating-endpoints @core @needs.load-balancer @needs.instances
  Scenario: A Node whose last backend is about to end is healthy no more, while that backend still answers
    Given a backend that serves on for a while when it is told to end
    When the Service changes step by step
      | change                                                                          | outcome                                                            |
      | a LoadBalancer Service with the Local traffic policy is created for the backend | the Service gets an ingress address                                |
      |                                                                                 | the load balancer finds the backend's Nodes healthy, and no others |
      | the last backend goes                                                           | no Node is healthy at the health check node port                   |
      |                                                                                 | the load balancer finds no Node healthy                            |
    Then while the backend ends, other Nodes reach it at the node port of its own Node, and at no other Node's
