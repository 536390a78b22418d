Feature: Load balancers that cannot be had
  A cloud cannot serve everything that a Service may ask for. Its controller manager then says so, shows no address that
  would not serve, leaves nothing behind, and tries again: the Service, or the cloud, may change.

  @lb-failure-reported-and-retried @core @needs.load-balancer
  Scenario: A Service that cannot be served is told so again and again, and served once it can be
    Given a backend
    When the Service changes step by step
      | change                                                                        | outcome                                                                               |
      | a LoadBalancer Service that the cloud cannot serve is created for the backend | the Service's events tell again and again that its load balancer could not be ensured |
      |                                                                               | the Service never showed an ingress address                                           |
      |                                                                               | the Service holds the clean-up finalizer                                              |
      | the Service drops what the cloud cannot serve                                 | the Service's events tell that its load balancer was ensured                          |
      |                                                                               | the Service gets an ingress address                                                   |
    Then clients outside the cluster reach the backend through the load balancer

  Scenario Outline: A LoadBalancer Service <asking> is refused in plain sight where it cannot be served
    Given a backend
    When the Service changes step by step
      | change                                                     | outcome                                                                               |
      | a LoadBalancer Service <asking> is created for the backend | the Service's events tell again and again that its load balancer could not be ensured |
      |                                                            | the Service never showed an ingress address                                           |
      | the Service is deleted                                     | the Service is gone                                                                   |
    Then there is nothing in the cloud for the Service

    @lb-unsupported-affinity-is-reported @extended @needs.load-balancer @lacks.lb-client-ip-affinity
    Examples: session affinity
      | asking                |
      | with session affinity |

    @lb-mixed-protocols-refused @extended @needs.load-balancer @lacks.lb-mixed-protocols
    Examples: two protocols
      | asking         |
      | on TCP and UDP |

    @lb-without-node-ports-refused @extended @needs.load-balancer @lacks.lb-without-node-ports
    Examples: no node ports
      | asking             |
      | with no node ports |

    @lb-requested-ip-refused @extended @needs.load-balancer @lacks.lb-requested-address
    Examples: an address
      | asking                        |
      | with an address of its choice |
