Feature: Who may reach a load balancer
  A load balancer is open to everybody unless its Service says otherwise: to clients of certain addresses alone, or to
  the cluster's own network alone.

  @lb-source-ranges @extended @needs.load-balancer @needs.lb-source-ranges
  Scenario: A load balancer admits the clients of its Service's source ranges alone
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                                           | outcome                                                                     |
      | the Service admits only clients of a range where nobody is       | the load balancer in the cloud admits clients of the Service's ranges alone |
      |                                                                  | clients outside the cluster get no answer from the backend                  |
      | the Service admits clients of two ranges that hold every address | the load balancer in the cloud admits clients of the Service's ranges alone |
      |                                                                  | clients outside the cluster reach the backend through the load balancer     |
      | the Service names no ranges any more                             | the load balancer in the cloud admits clients of any address                |
      |                                                                  | clients outside the cluster reach the backend through the load balancer     |
    Then the Service has kept its ingress address

  @lb-internal @extended @needs.load-balancer @needs.lb-internal
  Scenario: An internal load balancer is reached from the cluster's own network, and not from outside
    Given a backend
    When an internal LoadBalancer Service with the Local traffic policy is created for the backend
    Then the Service gets an ingress address
    And the load balancer in the cloud is internal
    And Nodes reach the backend through the load balancer
    And clients outside the cluster get no answer from the backend

  @lb-internal-switch @extended @needs.load-balancer @needs.lb-internal @needs.lb-internal-switch
  Scenario: A load balancer turns internal, and open again, with its Service
    Given a Service with a load balancer
    When the Service changes step by step
      | change                          | outcome                                                         |
      | the Service becomes internal    | the Service gets another ingress address                        |
      |                                 | Nodes reach the backend through the load balancer               |
      |                                 | clients outside the cluster get no answer from the backend      |
      |                                 | clients outside the cluster get no answer at the former address |
      | the Service is internal no more | the Service gets another ingress address                        |
    Then clients outside the cluster reach the backend through the load balancer
