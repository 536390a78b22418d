Feature: Load balancer provisioning
  A Service of type LoadBalancer gets a load balancer of its own in the cloud, and an address at which clients outside
  the cluster reach its backends.

  @lb-provisioned @core @needs.load-balancer
  Scenario: A LoadBalancer Service serves clients outside the cluster at an address of its own
    Given a backend
    When a LoadBalancer Service is created for the backend
    Then the Service gets an ingress address
    And the load balancer in the cloud has that address and listens on the Service's port alone
    And clients outside the cluster reach the backend through the load balancer
