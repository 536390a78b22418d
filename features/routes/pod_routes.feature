Feature: Routes to Pods
  Each Node has Pod addresses of its own. Where the network cannot find them by itself, the cloud controller manager gives
  the cloud a route to each Node's Pods.

  @route-per-node @core @needs.instances @needs.routes
  Scenario: Every Node's Pods are reached from the other Nodes, over a route of the cloud
    Given a Pod on every Node
    When the Pods call each other
    Then every Pod gets an answer from every other Pod
    And the cloud has one route to each Node's Pods, and it leads to the Node's instance
