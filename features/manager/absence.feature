@serial @needs.ccm-control
Feature: The controller manager's absence
  A cloud controller manager is upgraded, moved and restarted while Services live. Their load balancers carry traffic
  without it. What changed while it was away is caught up when it is back, and nothing is made anew for that.

  @lb-survives-ccm-restart @core @needs.load-balancer
  Scenario: A restart of the controller manager neither interrupts nor changes a load balancer
    Given a Service with a load balancer
    And clients outside the cluster that call the backend all the time
    When the controller manager restarts
    Then the Service's events tell that its load balancer was ensured again
    And every call of those clients was answered
    And the load balancer in the cloud is as it was before
    And the Service has kept its ingress address
    And the Service has kept its node port

  @lb-created-while-ccm-down @core @needs.load-balancer
  Scenario: A Service that was created without a controller manager gets its load balancer when one is back
    Given a backend
    And a controller manager that is down
    When these things happen one after another
      | change                                            | outcome                                                                                 |
      | a LoadBalancer Service is created for the backend | the Service has no ingress address yet                                                  |
      | the controller manager starts again               | the Service gets an ingress address                                                     |
      |                                                   | the Service holds the clean-up finalizer                                                |
      |                                                   | the load balancer in the cloud has that address and listens on the Service's port alone |
    Then clients outside the cluster reach the backend through the load balancer

  @lb-deleted-while-ccm-down @core @needs.load-balancer
  Scenario: A Service that was deleted without a controller manager waits for one to take its load balancer away
    Given a Service with a load balancer
    And a controller manager that is down
    When these things happen one after another
      | change                              | outcome                                                        |
      | the Service is deleted              | the Service waits for its clean-up                             |
      |                                     | the load balancer in the cloud is as it was before             |
      | the controller manager starts again | the load balancer and all that it owned is gone from the cloud |
      |                                     | the clean-up finalizer left the Service only after that        |
    Then the Service is gone

  @node-initialised-once @core
  Scenario: A controller manager that starts initialises the Nodes that ask for it, and leaves the others alone
    Given a Node
    And a controller manager that is down
    When these things happen one after another
      | change                              | outcome                                    |
      | the Node is marked uninitialized    | the Node stays uninitialized               |
      | the controller manager starts again | the Node is no longer marked uninitialized |
    Then all other Nodes are left as they were

  @ccm-upgrade-keeps-load-balancers @core @needs.load-balancer
  Scenario: Another build of the controller manager takes load balancers over as they are, and catches up with what it missed
    Given a Service with a load balancer
    And two more Services with load balancers, under a label
    And clients outside the cluster that call the backend all the time
    And a controller manager that is down
    When these things happen one after another
      | change                                                 | outcome                                                                             |
      | the labelled Services are deleted together             | the labelled Services wait for their clean-up                                       |
      | another LoadBalancer Service with a backend is created | the other Service has no ingress address yet                                        |
      | another build of the controller manager starts         | the Service's events tell that its load balancer was ensured again                  |
      |                                                        | the other Service gets an ingress address                                           |
      |                                                        | clients outside the cluster reach the other backend through the other load balancer |
      |                                                        | their load balancers and all that these owned is gone from the cloud                |
      |                                                        | the clean-up finalizer left each of them only after that                            |
      |                                                        | the labelled Services are gone                                                      |
    Then every call of those clients was answered
    And the load balancer in the cloud is as it was before
    And the Service has kept its ingress address
    And the Service has kept its node port

  @ccm-tolerates-uninitialized @core
  Scenario: A controller manager that finds all Nodes uninitialized initialises them
    Given all Nodes
    And a controller manager that is down
    When these things happen one after another
      | change                              | outcome                                      |
      | the Nodes are marked uninitialized  | the Nodes stay marked uninitialized          |
      | the controller manager starts again | the Nodes are no longer marked uninitialized |
    Then every Node's provider ID names an instance that exists, has the Node's address and belongs to no other Node
