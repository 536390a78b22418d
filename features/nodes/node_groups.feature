@disruptive @needs.instances @needs.node-groups
Feature: Node groups
  Clusters grow, shrink and renew themselves by groups of instances whose number the cloud keeps. The cloud controller
  manager makes Nodes of those that come and removes the Nodes of those that go, and of no others.

  @node-group-shrink @extended
  Scenario: The Node of an instance that its node group gave up goes, and no other
    Given a node group of two Nodes
    When the node group gives up one Node
    Then the Node is gone
    And an event announced the Node's deletion
    And all other Nodes are still there

  @node-lease-gone @extended
  Scenario: The Lease of a Node that its node group gave up goes, and no other
    Given a node group of two Nodes
    And each of its Nodes has a Lease
    When the node group gives up one Node
    Then the Node's Lease is gone
    And all other Nodes have their Leases still

  @node-group-grow @extended
  Scenario: An instance by which a node group grows becomes a Node that Pods run on
    Given a node group of one Node
    When the node group grows by one
    Then the node group has one more Node
    And the Node has exactly the addresses of its instance
    And the Node's labels name the type of its instance
    And the Node's labels name the zone and the region of its instance
    And a Pod runs on the Node
    And all other Nodes are still there

  @nodes-recreated @extended
  Scenario: When all instances of a node group are recreated, it has as many Nodes again, and none of those before
    Given a node group of two Nodes
    When all instances of the node group are recreated
    Then the Nodes of its former instances are gone
    And events announced the deletion of each
    And the node group has as many Nodes again
    And every Node's provider ID names an instance that exists, has the Node's address and belongs to no other Node
    And all other Nodes are still there
