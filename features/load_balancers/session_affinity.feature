Feature: Session affinity of load balancers
  A Service may ask that each of its clients stays with one Pod. Where a cloud offers that, its load balancer keeps to it
  whatever the traffic policy, and for as long as the Service asks for it.

  Scenario Outline: With session affinity and <policy> a client stays with one Pod
    Given a backend of several Pods
    When a LoadBalancer Service with session affinity and <policy> is created for the backend
    Then the Service gets an ingress address
    And a client outside the cluster stays with one Pod of the backend

    @lb-session-affinity-etp-local @kep @extended @needs.load-balancer @needs.lb-client-ip-affinity
    Examples: Local
      | policy                   |
      | the Local traffic policy |

    @lb-session-affinity-etp-cluster @extended @needs.load-balancer @needs.lb-client-ip-affinity
    Examples: Cluster
      | policy                     |
      | the Cluster traffic policy |

  Scenario Outline: With <policy> a client stays with one Pod only while its Service asks for session affinity
    Given a backend of several Pods
    When the Service changes step by step
      | change                                                                               | outcome                                                                              |
      | a LoadBalancer Service with session affinity and <policy> is created for the backend | the Service gets an ingress address                                                  |
      |                                                                                      | a client outside the cluster stays with one Pod of the backend                       |
      | the Service asks for no session affinity                                             | clients outside the cluster reach every Pod of the backend through the load balancer |
      | the Service asks for session affinity                                                | a client outside the cluster stays with one Pod of the backend                       |
    Then the Service has kept its ingress address

    @lb-session-affinity-switch-local @extended @needs.load-balancer @needs.lb-client-ip-affinity
    Examples: Local
      | policy                   |
      | the Local traffic policy |

    @lb-session-affinity-switch-cluster @extended @needs.load-balancer @needs.lb-client-ip-affinity
    Examples: Cluster
      | policy                     |
      | the Cluster traffic policy |
