Feature: Load balancers of Services that change in other ways
  A Service that was only an alias may want a load balancer, and one that has a load balancer may become an alias, get
  further addresses, or go together with others. Its load balancer is made, kept and taken away like any other.

  @lb-from-externalname @core @needs.load-balancer
  Scenario: An ExternalName Service that becomes a LoadBalancer Service gets a load balancer
    Given a backend, and an ExternalName Service that leads elsewhere
    When the Service becomes a LoadBalancer Service
    Then the Service gets an ingress address
    And the Service holds the clean-up finalizer
    And the load balancer in the cloud has that address and listens on the Service's port alone
    And clients outside the cluster reach the backend through the load balancer

  @lb-to-externalname-releases-lb @core @needs.load-balancer
  Scenario: A LoadBalancer Service that becomes an ExternalName Service gives up its load balancer
    Given a Service with a load balancer
    When the Service becomes an ExternalName Service that leads elsewhere
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And clients outside the cluster get no answer at the former address

  @lb-external-ips-change-triggers-sync @core @needs.load-balancer
  Scenario: A load balancer is ensured again when its Service gets an external IP, and keeps its address
    Given a Service with a load balancer
    And the Service's events tell that its load balancer was ensured
    When the Service gets an external IP
    Then the Service's events tell that its load balancer was ensured again
    And the Service has kept its ingress address
    And the load balancer in the cloud has that address and listens on the Service's port alone
    And clients outside the cluster reach the backend through the load balancer

  @lb-node-ports-released-after-cleanup @core @needs.load-balancer
  Scenario: The node ports of a deleted Service are free again only when its load balancer is gone
    Given a backend
    And a LoadBalancer Service with the Local traffic policy for the backend
    And the Service has its load balancer
    When the Service is deleted
    Then other Services may have its node ports, and not before its load balancer is gone

  @lb-delete-collection @core @needs.load-balancer
  Scenario: Of Services that are deleted together all load balancers go, and no others
    Given a Service with a load balancer
    And two more Services with load balancers, under a label
    When the labelled Services are deleted together
    Then their load balancers and all that these owned is gone from the cloud
    And the clean-up finalizer left each of them only after that
    And events on each of them told of its load balancer's end
    And the labelled Services are gone
    And the Service has kept its ingress address
    And the load balancer in the cloud has that address and listens on the Service's port alone
    And clients outside the cluster reach the backend through the load balancer
