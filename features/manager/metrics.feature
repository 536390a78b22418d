@serial @needs.ccm-metrics
Feature: Metrics of the controller manager
  Whoever runs a controller manager watches by its metrics whether it does its work. They are of use only if they count
  what it did, and what it failed to do.

  @ccm-metrics @extended @needs.load-balancer
  Scenario: Metrics count the load balancers that were given other Nodes
    Given a Service with a load balancer that leaves a Node out
    And the controller manager's metrics are known
    When the Node is no longer excluded from load balancers
    Then the load balancer has the Node among its targets, and finds it healthy
    And the metrics count more load balancers that were given their Nodes, and no failure

  @ccm-metrics-of-failures @extended @needs.load-balancer @needs.faults
  Scenario: Metrics count the load balancers that could not be given other Nodes
    Given a Service with a load balancer that leaves a Node out
    And the controller manager's metrics are known
    And a cloud that refuses every change
    When these things happen one after another
      | change                                             | outcome                                                                   |
      | the Node is no longer excluded from load balancers | the metrics count more load balancers that could not be given their Nodes |
      | the cloud is well again                            | the load balancer has the Node among its targets, and finds it healthy    |
    Then clients outside the cluster reach the backend through the load balancer

  @ccm-metrics-of-routes @extended @needs.instances @needs.routes
  Scenario: Metrics count the changes of the cloud's routes
    Given all Nodes
    And the controller manager's metrics are known
    When a route that no Node needs appears in the cloud
    Then the route that no Node needs is gone
    And the metrics count more changes of routes
