@serial @needs.ccm-without-routes
Feature: Networks that need no routes
  Where the network finds Pods by itself, a controller manager is told to keep no routes. It then has nothing to say of
  Nodes' networks: a Node that it called unavailable would wait for ever for a route that nobody makes.

  @routes-off-no-condition @core @disruptive @needs.instances @needs.routes @needs.instance-launch
  Scenario: A Node needs no route where the controller manager keeps none
    Given a controller manager that keeps no routes
    When a Node joins on an instance of its own
    Then nothing is said of the Node's network
    And the cloud has no route to the Pods of that Node
