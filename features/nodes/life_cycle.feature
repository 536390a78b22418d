Feature: Node life cycle
  A Node lives as long as its instance. The cloud controller manager removes a Node whose instance is gone, and no other:
  an instance that is stopped or reboots comes back to the same Node.

  Background:
    Given a Node on an instance of its own

  @node-gone-in-cloud-is-deleted @kep @core @disruptive @needs.instances @needs.instance-launch
  Scenario: The Node of an instance that was deleted in the cloud goes
    When the instance is deleted in the cloud
    Then the Node is gone
    And an event announced the Node's deletion
    And all other Nodes are still there

  @node-shutdown-is-tainted-not-deleted @core @disruptive
  @needs.instances @needs.instance-launch @needs.instance-stop @needs.instance-shutdown-taint
  Scenario: The Node of a stopped instance is marked as shut down, and stays
    When the instance is stopped in the cloud
    Then the Node is marked as shut down
    And the Node stays while its instance is stopped

  @nodes-recover-from-clean-reboot @kep @core @disruptive
  @needs.instances @needs.instance-launch @needs.instance-reboot
  Scenario: An instance that reboots comes back as the same Node, and its Pods run again
    Given a Pod on the Node
    When the instance is rebooted
    Then the Node is Ready after another boot
    And it is the same Node on the same instance, and was never announced as deleted
    And the Node is not marked as shut down
    And the Node has exactly the addresses of its instance
    And the Pod on the Node runs again

  @node-shutdown-taint-cleared @core @disruptive
  @needs.instances @needs.instance-launch @needs.instance-stop @needs.instance-shutdown-taint
  Scenario: An instance that was stopped and started again comes back as the same Node
    When the Node changes step by step
      | change                               | outcome                              |
      | the instance is stopped in the cloud | the Node is marked as shut down      |
      | the instance is started in the cloud | the Node is Ready after another boot |
      |                                      | the Node is not marked as shut down  |
    Then it is the same Node on the same instance, and was never announced as deleted
    And the Node has exactly the addresses of its instance

  @node-gone-pods-rescheduled @extended @disruptive @needs.instances @needs.instance-launch
  Scenario: The Pods of a Node whose instance was deleted run on another Node
    Given a backend on the Node that may run on other Nodes
    When the instance is deleted in the cloud
    Then the backend runs on another Node
    And the Node is gone
    And the Node's Lease is gone

  @instance-replaced-same-name @extended @disruptive
  @needs.instances @needs.instance-launch @needs.instance-replace
  Scenario: An instance that takes the name of one that is gone gets a Node of its own
    When the Node changes step by step
      | change                                        | outcome                                      |
      | the instance is deleted in the cloud          | the Node is gone                             |
      | another instance of the same name is launched | the Node of that name is on another instance |
    Then the Node is no longer marked uninitialized
    And the Node has exactly the addresses of its instance
    And the Node's labels name the type of its instance
    And the Node's labels name the zone and the region of its instance
