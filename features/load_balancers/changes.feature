Feature: Load balancers follow their Services
  A Service may change its type, its ports and its backends at any time. Its load balancer follows, keeps its address
  as long as it is wanted, and goes when it is not.

  @kep
  Scenario Outline: A load balancer on <protocol> follows its Service's type, ports and backends
    Given a ClusterIP Service on <protocol> with a backend
    When the Service changes step by step
      | change                                     | outcome                                                                                 |
      | the Service becomes a NodePort Service     | the Service has a node port                                                             |
      |                                            | Pods reach the backend through the Service                                              |
      | the Service becomes a LoadBalancer Service | the Service gets an ingress address                                                     |
      |                                            | clients outside the cluster reach the backend through the load balancer                 |
      |                                            | Pods reach the backend through the Service                                              |
      |                                            | the Service has kept its node port                                                      |
      | the Service moves to another node port     | clients outside the cluster reach the backend through the load balancer                 |
      |                                            | the Service has kept its ingress address                                                |
      | the Service moves to another port          | clients outside the cluster reach the backend through the load balancer                 |
      |                                            | clients outside the cluster get no answer at the former port                            |
      |                                            | the load balancer in the cloud has that address and listens on the Service's port alone |
      |                                            | the Service has kept its ingress address                                                |
      |                                            | the Service has kept its node port                                                      |
      | the last backend goes                      | clients outside the cluster get no answer from the backend                              |
      | a backend comes                            | clients outside the cluster reach the backend through the load balancer                 |
      | the Service becomes a ClusterIP Service    | the Service has no node port                                                            |
    Then the load balancer and all that it owned is gone from the cloud
    And clients outside the cluster get no answer at the former address

    @lb-type-and-port-changes-tcp @core @needs.load-balancer
    Examples: TCP
      | protocol |
      | TCP      |

    @lb-type-and-port-changes-udp @extended @needs.load-balancer @needs.lb-udp
    Examples: UDP
      | protocol |
      | UDP      |

  @lb-ports-changed @core @needs.load-balancer
  Scenario: A load balancer listens on the ports that its Service has now
    Given a Service with a load balancer
    When the Service changes step by step
      | change                              | outcome                                                                                  |
      | the Service gets one more port      | the load balancer in the cloud has that address and listens on the Service's ports alone |
      |                                     | clients outside the cluster reach the backend through the load balancer at every port    |
      |                                     | the Service has kept its ingress address                                                 |
      | the Service gives up its first port | the load balancer in the cloud has that address and listens on the Service's port alone  |
      |                                     | clients outside the cluster get no answer at the former port                             |
      |                                     | clients outside the cluster reach the backend through the load balancer                  |
    Then the Service has kept its ingress address

  @lb-annotation-change-syncs @core @needs.load-balancer
  Scenario: A Service whose annotations change has its load balancer ensured again
    Given a Service with a load balancer
    And the Service's events tell that its load balancer was ensured
    When the Service gets one more annotation
    Then the Service's events tell that its load balancer was ensured again
    And the load balancer in the cloud is as it was before
    And the Service has kept its ingress address
    And clients outside the cluster reach the backend through the load balancer

  @lb-irrelevant-change-ignored @extended @needs.load-balancer
  Scenario: A change that means nothing to a load balancer does not touch it
    Given a Service with a load balancer
    And the Service's events tell that its load balancer was ensured
    When the Service changes in what load balancers ignore
    Then the Service is left alone
    And the load balancer in the cloud is as it was before
    And clients outside the cluster reach the backend through the load balancer

  @lb-status-cleared-externally @core @needs.load-balancer
  Scenario: An ingress address that somebody cleared is shown again when the load balancer is next ensured
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                          | outcome                                            |
      | somebody clears the Service's ingress addresses | the load balancer in the cloud is as it was before |
      | the Service gets one more annotation            | the ingress address is the former one              |
    Then clients outside the cluster reach the backend through the load balancer
