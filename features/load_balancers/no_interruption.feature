Feature: Load balancers go on serving while backends are replaced
  Backends are replaced all the time, by newer ones or on other Nodes. As long as one serves, clients need not know: a
  load balancer sends them to Nodes that have a backend, notices in time where there is none any more, and comes back
  to a Node that has one again.

  @kep @core @needs.load-balancer
  Scenario Outline: Rolling updates of its backend do not interrupt a load balancer with the <policy> traffic policy
    Given a backend on every Node
    And a load balancer on TCP with the <policy> traffic policy in front of it
    When the backend is updated again and again while clients outside the cluster call
    Then next to every call was answered, and at no time was there no answer
    And next to no call was held up by a lost packet
    And clients outside the cluster reach every Pod of the backend through the load balancer

    @lb-rolling-update-etp-cluster
    Examples: Cluster
      | policy  |
      | Cluster |

    @lb-rolling-update-etp-local
    Examples: Local
      | policy |
      | Local  |

  @lb-deployment-rollout-etp-local @core @needs.load-balancer
  Scenario: Rollouts that leave no Node without a backend do not interrupt a load balancer with the Local traffic policy
    Given a backend on two Nodes that replaces its Pods one by one where they are
    And a load balancer on TCP with the Local traffic policy in front of it
    When the backend is updated again and again while clients outside the cluster call
    Then next to every call was answered, and at no time was there no answer
    And next to no call was held up by a lost packet
    And clients outside the cluster reach every Pod of the backend through the load balancer
    And the backend had a Pod on the same two Nodes all the time

  @lb-survives-node-drain @core @disruptive @serial @needs.load-balancer @needs.instances @needs.instance-launch
  Scenario: The drain of a Node does not interrupt a load balancer that sends to it
    The Node takes part in the load balancers of all scenarios: so this one runs alone.

    Given a Node on an instance of its own that load balancers may have
    And a backend on the Node and on another one
    And a load balancer on TCP with the Local traffic policy in front of it
    And clients outside the cluster that call the backend all the time
    When the Node is drained
    Then the backend runs on other Nodes alone
    And the load balancer finds the Node healthy no more
    And clients outside the cluster reach every Pod of the backend through the load balancer
    And next to every call of those clients was answered, and at no time was there no answer

  @extended @needs.load-balancer @needs.lb-udp
  Scenario Outline: Behind the <policy> traffic policy a UDP flow follows its backend to <place>
    Given a backend on one Node
    And a load balancer on UDP with the <policy> traffic policy in front of it
    And a client outside the cluster that calls all the time in one flow
    When the backend moves to <place>
    Then the flow is answered by the backend's new Pod
    And at no time was the flow without an answer

    @lb-udp-survives-backend-move
    Examples: to another Node
      | policy  | place        |
      | Cluster | another Node |

    @lb-udp-survives-backend-move-same-node
    Examples: on the same Node
      | policy  | place                      |
      | Cluster | a new Pod on the same Node |

    @lb-udp-survives-backend-move-etp-local
    Examples: to another Node that alone may serve
      | policy | place        |
      | Local  | another Node |
