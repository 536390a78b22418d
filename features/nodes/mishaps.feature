@disruptive @needs.instances @needs.instance-launch
Feature: Nodes whose instances suffer
  Machines crash, networks fail and kubelets hang. Whatever befalls an instance, it is there as long as its cloud says so:
  its Node may fall silent, but it is not removed, and comes back as the same Node.

  Background:
    Given a Node on an instance of its own
    And a Pod on the Node

  @extended
  Scenario Outline: An instance <that> comes back as the same Node, and its Pods run again
    When <mishap>
    Then the Node is Ready after another boot
    And it is the same Node on the same instance, and was never announced as deleted
    And the Node is not marked as shut down
    And the Node has exactly the addresses of its instance
    And the Pod on the Node runs again

    @nodes-recover-from-reset @needs.instance-reset
    Examples: reset
      | that          | mishap                |
      | that is reset | the instance is reset |

    @nodes-recover-from-kernel-panic @needs.instance-kernel-panic
    Examples: kernel panic
      | that                | mishap                            |
      | whose kernel panics | the kernel of the instance panics |

  @extended
  Scenario Outline: The Node of an instance <that> is silent, and stays
    When the Node changes step by step
      | change                     | outcome                                |
      | <mishap>                   | the Node is not Ready                  |
      |                            | the Node stays while its instance runs |
      |                            | the Node is not marked as shut down    |
      | the instance is well again | the Node is Ready again                |
    Then it is the same Node on the same instance, and was never announced as deleted
    And it is still the same boot
    And the Node has exactly the addresses of its instance
    And the Pod on the Node is ready again

    @silent-node-with-instance-kept @needs.instance-kubelet-hung
    Examples: hung kubelet
      | that                | mishap                            |
      | whose kubelet hangs | the kubelet of the instance hangs |

    @node-kept-without-network @needs.instance-network-down
    Examples: no network
      | that                    | mishap                                |
      | whose network goes down | the network of the instance goes down |

    @node-kept-when-inbound-is-lost @needs.instance-inbound-lost
    Examples: inbound lost
      | that                 | mishap                                   |
      | that nothing reaches | all that is sent to the instance is lost |

    @node-kept-when-outbound-is-lost @needs.instance-outbound-lost
    Examples: outbound lost
      | that                    | mishap                              |
      | that nothing comes from | all that the instance sends is lost |
