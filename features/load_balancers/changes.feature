Feature: Load balancers follow their Services
  A Service may change its type, its ports and its backends at any time. Its load balancer follows, keeps its address
  as long as it is wanted, and goes when it is not.

  @kep
  Scenario Outline: A load balancer on <protocol> follows its Service's type, ports and backends
    Given a ClusterIP Service on <protocol> with a backend
    When the Service changes step by step
      | change                                     | outcome                                                                     |
      | the Service becomes a NodePort Service     | the Service has a node port                                                 |
      |                                            | Pods reach the backend through the Service                                  |
      | the Service becomes a LoadBalancer Service | the Service gets an ingress address                                         |
      |                                            | clients outside the cluster reach the backend through the load balancer     |
      |                                            | Pods reach the backend through the Service                                  |
      |                                            | the Service has kept its node port                                          |
      | the Service moves to another node port     | clients outside the cluster reach the backend through the load balancer     |
      |                                            | the Service has kept its ingress address                                    |
      | the Service moves to another port          | clients outside the cluster reach the backend through the load balancer     |
      |                                            | clients outside the cluster get no answer at the former port                |
      |                                            | the load balancer in the cloud has that address and listens on the Service's port alone |
      |                                            | the Service has kept its ingress address                                    |
      |                                            | the Service has kept its node port                                          |
      | the last backend goes                      | clients outside the cluster get no answer from the backend                  |
      | a backend comes                            | clients outside the cluster reach the backend through the load balancer     |
      | the Service becomes a ClusterIP Service    | the Service has no node port                                                |
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
