Feature: Network tiers, and addresses that were there before
  Where clients come to a load balancer's address by one of several networks of its cloud, a Service may name which. And a
  load balancer may have an address that somebody reserved: that is lent to it, and not its own.

  @lb-network-tier @extended @needs.load-balancer @needs.lb-network-tier
  Scenario: A load balancer moves to the network tier that its Service names
    The address changes, for each belongs to one tier.

    Given a Service with a load balancer
    When the Service changes step by step
      | change                                 | outcome                                                                 |
      | the Service names another network tier | the Service gets another ingress address                                |
      |                                        | the load balancer in the cloud is in another network tier               |
      |                                        | clients outside the cluster reach the backend through the load balancer |
      | the Service is deleted                 | the Service is gone                                                     |
    Then the load balancer and all that it owned is gone from the cloud

  @lb-requested-ip-outlives-lb @extended @needs.load-balancer @needs.lb-requested-address
  Scenario: A reserved address outlives the load balancer that had it
    Given a backend
    And a reserved address
    When the Service changes step by step
      | change                                                                               | outcome                                       |
      | a LoadBalancer Service that asks for the reserved address is created for the backend | the ingress address is the reserved one       |
      | the Service is deleted                                                               | the Service is gone                           |
      |                                                                                      | there is nothing in the cloud for the Service |
    Then the reserved address is still reserved
