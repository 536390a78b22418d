Feature: Services become aliases, and aliases become Services
  An ExternalName Service is an alias of a name in the DNS and has no addresses of its own. A Service may become one at
  any time, and cease to be one.

  @svc-externalname-to-clusterip @kep @service-api @core
  Scenario: An ExternalName Service that becomes a ClusterIP Service leads to its backend
    Given a backend, and an ExternalName Service that leads elsewhere
    When the Service becomes a ClusterIP Service
    Then Pods reach the backend through the Service

  @svc-externalname-to-nodeport @kep @service-api @core
  Scenario: An ExternalName Service that becomes a NodePort Service leads to its backend, on every Node
    Given a backend, and an ExternalName Service that leads elsewhere
    When the Service becomes a NodePort Service
    Then the Service has a node port
    And Pods reach the backend through the Service

  @svc-clusterip-to-externalname @kep @service-api @core
  Scenario: A ClusterIP Service that becomes an ExternalName Service leads where it says
    Given a ClusterIP Service on TCP with a backend
    And Pods reach the backend through the Service
    And another Service with a backend
    When the Service becomes an ExternalName Service that leads to the other Service
    Then the Service has no cluster IP
    And Pods reach the other Service's backend by the Service's name
    And Pods get no answer at the Service's former cluster IP

  @svc-nodeport-to-externalname @kep @service-api @core
  Scenario: A NodePort Service that becomes an ExternalName Service leads where it says, and gives up its node port
    Given a NodePort Service on TCP with a backend
    And Pods reach the backend through the Service
    And another Service with a backend
    When the Service becomes an ExternalName Service that leads to the other Service
    Then the Service has no cluster IP
    And the Service has no node port
    And Pods reach the other Service's backend by the Service's name
    And Pods get no answer at the former node port of any Node
