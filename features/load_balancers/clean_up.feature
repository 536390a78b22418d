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
