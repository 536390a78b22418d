Feature: Load balancer clean-up
  A load balancer costs money and holds addresses. When its Service no longer wants it, everything that was made for it
  goes, and the Service is not released before that.

  @lb-cleanup-finalizer-lifecycle @kep @core @needs.load-balancer
  Scenario: The clean-up finalizer lives exactly as long as the load balancer
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                     | outcome                                                        |
      | the Service becomes a ClusterIP Service    | the load balancer and all that it owned is gone from the cloud |
      |                                            | the clean-up finalizer left the Service only after that        |
      | the Service becomes a LoadBalancer Service | the Service gets an ingress address                            |
      |                                            | the Service holds the clean-up finalizer                       |
      | the Service is deleted                     | the load balancer and all that it owned is gone from the cloud |
      |                                            | the clean-up finalizer left the Service only after that        |
    Then the Service is gone

  @lb-deleted-with-service @core @needs.load-balancer
  Scenario: A deleted Service takes its load balancer with it
    Given a Service with a load balancer
    When the Service is deleted
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And the Service's events tell that its load balancer was deleted
    And the Service is gone
    And clients outside the cluster get no answer at the former address

  @lb-released-on-type-change @core @needs.load-balancer
  Scenario: A Service that becomes one of another type gives up its load balancer
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                     | outcome                                                         |
      | the Service becomes a NodePort Service     | the load balancer and all that it owned is gone from the cloud  |
      |                                            | the clean-up finalizer left the Service only after that         |
      |                                            | the Service's events tell that its load balancer was deleted    |
      |                                            | clients outside the cluster get no answer at the former address |
      |                                            | the Service has kept its node port                              |
      |                                            | Pods reach the backend through the Service                      |
      | the Service becomes a LoadBalancer Service | the Service gets an ingress address                             |
      | the Service becomes a ClusterIP Service    | the load balancer and all that it owned is gone from the cloud  |
      |                                            | the Service's events tell that its load balancer was deleted    |
    Then the clean-up finalizer left the Service only after that

  @lb-two-services-independent @core @needs.load-balancer
  Scenario: Services of one name in two namespaces have load balancers and lives of their own
    Given a Service with a load balancer
    And another Service of that name with a load balancer, in another namespace
    When the Service changes step by step
      | change                         | outcome                                                        |
      | the Service gets one more port | the load balancer of the other Service is as it was before     |
      |                                | the two Services have different ingress addresses              |
      | the Service is deleted         | the load balancer and all that it owned is gone from the cloud |
    Then the load balancer of the other Service is as it was before
    And the other Service has kept its ingress address
    And clients outside the cluster reach the other backend through the other load balancer

  @lb-recreated-under-same-name @core @needs.load-balancer
  Scenario: A Service that is created again under its name gets a load balancer of its own
    Given a Service with a load balancer
    When the Service changes step by step
      | change                                                             | outcome                                                                                 |
      | the Service is deleted                                             | the Service is gone                                                                     |
      | a LoadBalancer Service of the same name is created for the backend | the Service gets an ingress address                                                     |
      |                                                                    | the Service holds the clean-up finalizer                                                |
      |                                                                    | the load balancer in the cloud has that address and listens on the Service's port alone |
      |                                                                    | the former Service has no load balancer in the cloud                                    |
    Then clients outside the cluster reach the backend through the load balancer

  @lb-service-with-foreign-finalizer @core @needs.load-balancer
  Scenario: A deleted Service that another controller holds gives up its load balancer, and gets none again
    Given a Service with a load balancer
    And the Service's events tell that its load balancer was ensured
    And a finalizer of another controller on the Service
    When the Service changes step by step
      | change                                      | outcome                                                        |
      | the Service is deleted                      | the load balancer and all that it owned is gone from the cloud |
      |                                             | the clean-up finalizer left the Service only after that        |
      |                                             | the Service stays, and no load balancer is made for it again   |
      | the other controller lets go of the Service | the Service is gone                                            |
    Then there is nothing in the cloud for the Service

  @lb-namespace-deletion-cleans @core @needs.load-balancer
  Scenario: A deleted namespace takes the load balancers of its Services with it
    Given a Service with a load balancer
    When the Service's namespace is deleted
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And the Service is gone
    And the Service's namespace is gone
    And clients outside the cluster get no answer at the former address
