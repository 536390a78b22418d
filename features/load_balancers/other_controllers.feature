Feature: Load balancers that other controllers make
  A Service may leave its load balancer to another controller, by its class or in the cloud's own way. Two controllers at
  one Service would make two load balancers and overwrite each other's address, so the one that is not meant keeps off.

  @lb-class-ignored @core @needs.load-balancer
  Scenario: A Service with another controller's class is left alone
    Given a backend
    When the Service changes step by step
      | change                                                                            | outcome                                       |
      | a LoadBalancer Service with another controller's class is created for the backend | the Service is left alone                     |
      |                                                                                   | there is nothing in the cloud for the Service |
      | the Service is deleted                                                            | the Service is gone                           |
    Then there is nothing in the cloud for the Service

  @lb-class-not-claimed @core @needs.load-balancer
  Scenario: What another controller shows on a Service of its class stays
    Given a backend
    When the Service changes step by step
      | change                                                                            | outcome                   |
      | a LoadBalancer Service with another controller's class is created for the backend | the Service is left alone |
      | the other controller shows an ingress address of its own                          | the Service is left alone |
      | the Service gets one more port                                                    | the Service is left alone |
      | the Service becomes a ClusterIP Service                                           | the Service is left alone |
    Then there is nothing in the cloud for the Service

  @lb-implemented-elsewhere @extended @needs.load-balancer @needs.lb-elsewhere
  Scenario: A Service that is left to another controller in the cloud's own way gets no second load balancer
    Given a backend
    When the Service changes step by step
      | change                                                                   | outcome                                        |
      | a LoadBalancer Service for another controller is created for the backend | no load balancer is made ready for the Service |
      |                                                                          | there is nothing in the cloud for the Service  |
      | the other controller shows an ingress address of its own                 | the Service is left alone                      |
      | the Service is deleted                                                   | the Service is gone                            |
    Then there is nothing in the cloud for the Service
