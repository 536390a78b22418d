Feature: What Stratus does besides
  Behaviours of this cloud alone; the shared ones come with the suite.

  @stratus @stratus-lb-tells-its-service @core @needs.load-balancer
  Scenario: A load balancer's name tells whose it is
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service gets an ingress address
    And the name of its load balancer on Stratus holds the Service's UID
