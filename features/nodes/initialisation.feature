Feature: Node initialisation
  A Node that joins is marked uninitialized and takes no Pods until its cloud controller manager has told it who it is:
  the ID and the addresses of its instance. A Node that is marked again is initialised again.

  @node-uninitialized-taint-removed @core
  Scenario: An uninitialized Node loses that taint and keeps the others
    Given a Node with a taint of another kind
    When the Node is marked uninitialized
    Then the Node is no longer marked uninitialized
    And the Node keeps the other taint

  @node-provider-id-set @core @needs.instances
  Scenario: Every Node carries the ID of its own instance
    Given all Nodes
    When the Nodes are marked uninitialized
    Then the Nodes are no longer marked uninitialized
    And every Node's provider ID names an instance that exists, has the Node's address and belongs to no other Node

  @node-addresses-set @core @needs.instances
  Scenario: A Node's addresses are those of its instance
    Given a Node that shows an address its instance does not have
    When the Node is marked uninitialized
    Then the Node has exactly the addresses of its instance
    And every other Node has exactly the addresses of its instance
