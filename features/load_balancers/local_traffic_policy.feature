Feature: Load balancers of Services with the Local traffic policy
  With the external traffic policy Local a Node hands traffic only to its own Pods, so that the client's address need not
  be replaced. Load balancers learn from a health check node port which Nodes have such Pods.

  @lb-etp-local-preserves-client-ip @kep @extended @needs.load-balancer @needs.lb-client-address
  Scenario: Behind a load balancer with the Local traffic policy a backend sees the client's own address
    Given a backend
    When the Service changes step by step
      | change                                                                          | outcome                                                          |
      | a LoadBalancer Service with the Local traffic policy is created for the backend | the Service gets an ingress address                              |
      |                                                                                 | the backend sees the addresses of clients outside the cluster    |
      |                                                                                 | only the backend's Node is healthy at the health check node port |
      | the Service becomes a ClusterIP Service                                         | no Node is healthy at the former health check node port          |
    Then the load balancer and all that it owned is gone from the cloud
