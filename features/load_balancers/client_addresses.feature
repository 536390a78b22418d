Feature: Client addresses behind load balancers
  A backend may have to know who calls it, whatever its Service's traffic policy. A load balancer either leaves the client's
  address where it is, or puts its own there and tells the client's by the PROXY protocol, as the Service asks.

  @lb-client-address-switch @extended @needs.load-balancer @needs.lb-client-address @needs.lb-client-address-switch
  Scenario: A backend sees its clients' addresses while its Service asks for that
    Given a backend
    When the Service changes step by step
      | change                                                                          | outcome                                                       |
      | a LoadBalancer Service with the Local traffic policy is created for the backend | the Service gets an ingress address                           |
      | the Service asks for its load balancer's address in place of its clients'       | the backend sees other addresses than its clients'            |
      | the Service asks for its clients' addresses                                     | the backend sees the addresses of clients outside the cluster |
    Then the Service has kept its ingress address

  @lb-proxy-protocol @extended @needs.load-balancer @needs.lb-proxy-protocol
  Scenario: A load balancer tells its clients' addresses by the PROXY protocol
    Given a backend that reads the PROXY protocol
    When a LoadBalancer Service with the PROXY protocol is created for the backend
    Then the Service gets an ingress address
    And the backend is told the addresses of clients outside the cluster

  @lb-proxy-protocol-switch @extended @needs.load-balancer @needs.lb-proxy-protocol
  Scenario: A load balancer begins to tell its clients' addresses when its Service asks for it
    Given a backend that reads the PROXY protocol
    When the Service changes step by step
      | change                                            | outcome                                                                 |
      | a LoadBalancer Service is created for the backend | the Service gets an ingress address                                     |
      |                                                   | clients outside the cluster reach the backend through the load balancer |
      | the Service asks for the PROXY protocol           | the backend is told the addresses of clients outside the cluster        |
    Then the Service has kept its ingress address
