Feature: Load balancer provisioning
  A Service of type LoadBalancer gets a load balancer of its own in the cloud, and an address at which clients outside
  the cluster reach its backends.

  @lb-provisioned @core @needs.load-balancer
  Scenario: A LoadBalancer Service serves clients outside the cluster at an address of its own
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service gets an ingress address
    And the load balancer in the cloud has that address and listens on the Service's port alone
    And clients outside the cluster reach the backend through the load balancer

  @lb-events-on-create @core @needs.load-balancer
  Scenario: Events tell that a load balancer is being made, and that it is ready
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service's events tell that its load balancer was ensured
    And the Service gets an ingress address

  @lb-finalizer-precedes-lb @core @needs.load-balancer
  Scenario: A Service holds the clean-up finalizer before it has a load balancer
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service held the clean-up finalizer before the cloud had its load balancer
    And the Service gets an ingress address
    And the Service held the clean-up finalizer whenever it showed an ingress address

  @lb-ip-mode @core @needs.load-balancer
  Scenario: An ingress address says whether Nodes get packets that are sent to it as they are
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service gets an ingress address
    And the ingress address says whether Nodes get packets that are sent to it as they are

  @lb-mixed-protocols @extended @needs.load-balancer @needs.lb-mixed-protocols
  Scenario: One load balancer carries both protocols of its Service
    Given a backend
    When a LoadBalancer Service on TCP and UDP is created for the backend
    Then the Service gets an ingress address
    And the load balancer in the cloud has that address and listens on the Service's ports alone
    And clients outside the cluster reach the backend through the load balancer at every port

  @lb-requested-ip @extended @needs.load-balancer @needs.lb-requested-address
  Scenario: A load balancer takes the reserved address that its Service asks for
    Given a backend
    And a reserved address
    When a LoadBalancer Service that asks for the reserved address is created for the backend
    Then the ingress address is the reserved one
    And clients outside the cluster reach the backend through the load balancer

  @lb-dual-stack @extended @needs.load-balancer @needs.lb-dual-stack
  Scenario: A Service of both IP families is reached over both
    Given a backend
    When a LoadBalancer Service with both IP families is created for the backend
    Then the Service gets an ingress address
    And clients outside the cluster reach the backend over IPv4 and over IPv6

  @lb-without-node-ports-then-allocated @kep @extended @needs.load-balancer @needs.lb-without-node-ports
  Scenario: A load balancer works without node ports, and stays when its Service gets them
    Given a ClusterIP Service on TCP with a backend
    When the Service changes step by step
      | change                                                        | outcome                                                                 |
      | the Service becomes a LoadBalancer Service with no node ports | the Service gets an ingress address                                     |
      |                                                               | the Service has no node port                                            |
      |                                                               | clients outside the cluster reach the backend through the load balancer |
      | the Service asks for node ports                               | the Service has a node port                                             |
      |                                                               | the Service has kept its ingress address                                |
    Then clients outside the cluster reach the backend through the load balancer
