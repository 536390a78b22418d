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

  @node-instance-type-labels @core @needs.instances
  Scenario: A Node's labels name the type of its instance
    Given a Node that lost the labels of its instance's type
    When the Node is marked uninitialized
    Then the Node's labels name the type of its instance

  @node-zone-region-labels @core @needs.instances
  Scenario: A Node's labels name the zone and the region of its instance
    Given a Node that lost the labels of its instance's zone and region
    When the Node is marked uninitialized
    Then the Node's labels name the zone and the region of its instance

  @node-extra-labels @extended @needs.instances @needs.instance-labels
  Scenario: A Node's labels say what else its cloud knows of its instance, and keep what others say
    Given a Node that lost its cloud's own labels and has one of another's
    When the Node is marked uninitialized
    Then the Node has its cloud's own labels
    And the Node keeps the other label

  @node-label-pair-reconciled @extended @needs.instances
  Scenario: An instance type label that was changed by hand is put right
    Given a Node
    When the Node's instance type label is changed by hand
    Then the Node's labels name the type of its instance

  @node-addresses-refreshed @extended @needs.instances
  Scenario: Addresses that are not the instance's are put right
    Given a Node
    When the Node shows an address its instance does not have
    Then the Node has exactly the addresses of its instance again

  @node-provided-ip-honoured @extended @disruptive @needs.instances @needs.instance-launch @needs.instance-addresses
  Scenario: Of its instance's internal addresses a Node shows the one its kubelet was given
    Given a Node on an instance of its own, whose kubelet was given one of the instance's two internal addresses
    When the Node is marked uninitialized
    Then the Node is no longer marked uninitialized
    And of its instance's internal addresses the Node shows the one its kubelet was given, first and alone

  @node-provided-ip-unknown-blocks @extended @disruptive @needs.instances @needs.instance-launch
  Scenario: A Node whose kubelet was given an address that is not its instance's stays uninitialized
    Given a Node on an instance of its own
    When the Node changes step by step
      | change                                                                                       | outcome                                    |
      | an uninitialized Node appears on that instance, whose kubelet was given an address elsewhere | the Node stays uninitialized               |
      | its kubelet is given the instance's address                                                  | the Node is no longer marked uninitialized |
    Then the Node's labels name the type of its instance
