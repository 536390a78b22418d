Feature: Nodes without an instance
  A Node that no instance stands behind is none that Pods can run on. The cloud controller manager takes it for what it
  is: it tells it nothing, and removes it as soon as it is silent. Whatever keeps it from that is reported.

  @node-object-without-instance-deleted @core @needs.instances
  Scenario: A silent Node that names an instance the cloud does not know goes
    Given all Nodes
    When a silent Node appears that names an instance the cloud does not know
    Then the Node is gone
    And an event announced the Node's deletion
    And all other Nodes are still there

  @node-unknown-instance-stays-uninitialized @core
  Scenario: A Node that no instance stands behind is never initialised
    When an uninitialized, silent Node appears that no instance stands behind
    Then the Node is gone
    And the Node was uninitialized to its end

  @node-delete-failure-reported @extended @needs.instances
  Scenario: A Node that cannot be deleted is reported, and deleted when that is possible again
    Given a Node that names an instance the cloud does not know, and that nobody can delete
    When the Node changes step by step
      | change                        | outcome                                    |
      | the Node falls silent         | an event reported that its deletion failed |
      |                               | the Node stays                             |
      | the Node can be deleted again | the Node is gone                           |
    Then an event announced the Node's deletion

  @ready-node-never-deleted @core @needs.instances
  Scenario: A Node that calls itself Ready stays, even if the cloud does not know its instance
    Given a Node that names an instance the cloud does not know, and calls itself Ready
    When the Node changes step by step
      | change                                | outcome          |
      | the Node goes on to call itself Ready | the Node stays   |
      | the Node falls silent                 | the Node is gone |
    Then an event announced the Node's deletion
    And all other Nodes are still there

  @node-kept-while-cloud-fails @core @serial @needs.instances @needs.faults
  Scenario: No Node is deleted while the cloud cannot say which instances it has
    Given all Nodes
    And a cloud that cannot say which instances it has
    When these things happen one after another
      | change                                                               | outcome                         |
      | a silent Node appears that names an instance the cloud does not know | the Node stays                  |
      |                                                                      | all other Nodes are still there |
      | the cloud is well again                                              | the Node is gone                |
    Then an event announced the Node's deletion
