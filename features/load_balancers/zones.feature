@extended @needs.load-balancer @needs.instances @needs.zones @needs.lb-cross-zone
Feature: Load balancers in several zones
  A zone may fail as a whole. A load balancer that has an address in each of them goes on at the others. Whether an
  address leads to backends in its own zone alone, which costs the least, or to all of them, is for the Service to say.

  @lb-address-in-every-zone
  Scenario: A load balancer has an address in every zone of the cluster's Nodes
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service gets an ingress address
    And the load balancer has an address in every zone
    And clients outside the cluster reach the backend at the address in each zone

  @lb-cross-zone
  Scenario: The address of a load balancer in a zone leads to that zone alone, or to all, as its Service asks
    Given a backend on every Node
    And a load balancer on TCP with the Local traffic policy in front of it
    When the Service changes step by step
      | change                                           | outcome                                                                                  |
      | the Service asks to keep its traffic to zones    | at the address in each zone clients outside the cluster reach the Pods of one zone alone |
      | the Service asks to have its traffic cross zones | at the address in each zone clients outside the cluster reach every Pod of the backend   |
    Then the Service has kept its ingress address
