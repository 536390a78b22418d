@serial @needs.load-balancer @needs.faults
Feature: Failures in the middle of the work
  Clouds refuse calls, lose answers and are slow; a controller manager may crash between any two of its calls. It tells
  what fails, tries again, and takes up its work wherever it stopped: nothing is made twice, and nothing is forgotten.

  @lb-create-survives-api-failure @extended @needs.ccm-repeats-calls
  Scenario: A load balancer is made although the cloud fails meanwhile
    Given a backend
    And a cloud that fails once at each kind of change, and loses its answer once
    When these things happen one after another
      | change                                            | outcome                                                                                 |
      | a LoadBalancer Service is created for the backend | the Service gets an ingress address                                                     |
      |                                                   | the load balancer in the cloud has that address and listens on the Service's port alone |
      |                                                   | clients outside the cluster reach the backend through the load balancer                 |
      | the cloud is well again                           | the Service has kept its ingress address                                                |
      | the Service is deleted                            | the load balancer and all that it owned is gone from the cloud                          |
    Then the Service is gone

  @lb-delete-survives-api-failure @core
  Scenario: A load balancer is taken away although the cloud fails meanwhile
    Given a Service with a load balancer
    And a cloud that fails once at each kind of change
    When the Service is deleted
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And the Service is gone
    And the cloud had failed meanwhile

  @lb-create-survives-ccm-crash @core
  Scenario: A load balancer is made although the controller manager crashes after each of its steps
    Given a backend
    And a controller manager that crashes after each kind of change in the cloud, before it hears of it
    When these things happen one after another
      | change                                            | outcome                                                                                 |
      | a LoadBalancer Service is created for the backend | the Service gets an ingress address                                                     |
      |                                                   | the load balancer in the cloud has that address and listens on the Service's port alone |
      |                                                   | clients outside the cluster reach the backend through the load balancer                 |
      | the controller manager is well again              | the Service has kept its ingress address                                                |
      | the Service is deleted                            | the load balancer and all that it owned is gone from the cloud                          |
    Then the Service is gone

  @lb-delete-survives-ccm-crash @core
  Scenario: A load balancer is taken away although the controller manager crashes as it begins
    Given a Service with a load balancer
    And a controller manager that crashes before its next change in the cloud
    When the Service is deleted
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And the Service is gone
    And the controller manager had crashed meanwhile

  @lb-delete-survives-crash-at-each-step @core
  Scenario: A load balancer is taken away although the controller manager crashes after each of its steps
    Given a Service with a load balancer
    And a controller manager that crashes after each kind of change in the cloud, before it hears of it
    When the Service is deleted
    Then the load balancer and all that it owned is gone from the cloud
    And the clean-up finalizer left the Service only after that
    And the Service is gone
    And the controller manager had crashed meanwhile

  @lb-update-failure-reported @core
  Scenario: A load balancer that could not be given another set of Nodes is told of, and gets it later
    Given a Service with a load balancer that leaves a Node out
    And a cloud that refuses every change
    When these things happen one after another
      | change                                             | outcome                                                                       |
      | the Node is no longer excluded from load balancers | the Service's events tell that its load balancer could not be given its Nodes |
      | the cloud is well again                            | the load balancer has the Node among its targets, and finds it healthy        |
    Then clients outside the cluster reach the backend through the load balancer
