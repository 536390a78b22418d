Feature: Addresses and ports of Services
  A Service has the addresses and ports it asks for, on every protocol it names, and gives them back when it goes. No
  load balancer is needed for that.

  @svc-external-ip-not-on-node @kep @service-api @core
  Scenario: A Service is reached from Pods at an external IP that no Node has
    Given a backend
    When a ClusterIP Service with an external IP that no Node has is created for the backend
    Then Pods reach the backend at the Service's external IP
    And Pods reach the backend through the Service

  @svc-nodeport-same-port-two-protocols @kep @service-api @core
  Scenario: A NodePort Service serves two protocols on one port number
    Given a ClusterIP Service on TCP with a backend
    When the Service changes step by step
      | change                                                 | outcome                                        |
      | the Service becomes a NodePort Service                 | the Service has a node port                    |
      |                                                        | Pods reach the backend through the Service     |
      | the Service serves UDP, too, on the same port number   | the Service has a node port for each protocol  |
      |                                                        | the Service has one port number on TCP and UDP |
    Then Pods reach the backend through the Service

  @lb-mixed-protocol-internal-traffic @service-api @core
  Scenario: Inside the cluster a LoadBalancer Service serves two protocols on one port number
    Whether a load balancer carries both is another matter: Pods and Nodes do not wait for it.

    Given a backend
    When a LoadBalancer Service on TCP and UDP is created for the backend
    Then the Service has one port number on TCP and UDP
    And Pods reach the backend through the Service

  @svc-nodeports-released-on-delete @kep @service-api @core
  Scenario: A deleted Service gives its node port back
    Given a NodePort Service on TCP with a backend
    And Pods reach the backend through the Service
    When the Service is deleted
    Then the Service is gone
    And Pods get no answer at the former node port of any Node
    And another Service may have the node port

  @svc-delete-collection @kep @service-api @core
  Scenario: Services that are deleted together go, and no others
    Given a ClusterIP Service on TCP with a backend
    And two more ClusterIP Services for the backend, under a label
    When the labelled Services are deleted together
    Then the labelled Services are gone
    And Pods reach the backend through the Service
