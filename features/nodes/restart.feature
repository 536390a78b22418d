Feature: A restart of everything
  A power failure, or an upgrade in a hurry, restarts all instances at once. The cluster comes back as it was: to its cloud
  controller manager these are the same Nodes.

  @all-nodes-restart-recovers-nodes-and-pods @kep @core @serial @disruptive @needs.instances @needs.instance-reboot
  Scenario: After a restart of all instances as many Nodes and Pods are ready as before
    Given all Nodes
    And a backend on every Node
    And all Pods of the backend and of the cluster itself are ready
    When all instances are rebooted
    Then every Node is Ready after another boot
    And they are the same Nodes on the same instances, and none was ever announced as deleted
    And every Node's provider ID names an instance that exists, has the Node's address and belongs to no other Node
    And as many Pods are ready again
