@serial @needs.ccm-replicas @needs.load-balancer
Feature: Replicas of the controller manager
  Whoever cannot be without a controller manager runs several replicas of it. One of them leads, and it alone acts: two
  would make things twice, and undo each other's work. When it dies another takes over, and nobody behind a load balancer
  notices.

  @ccm-single-leader @core
  Scenario: Of several replicas of the controller manager only the one that leads acts
    Given a backend
    And several replicas of the controller manager, of which one leads
    When these things happen one after another
      | change                                            | outcome                                                                                 |
      | a LoadBalancer Service is created for the backend | the Service gets an ingress address                                                     |
      |                                                   | the load balancer in the cloud has that address and listens on the Service's port alone |
      | the Service is deleted                            | the load balancer and all that it owned is gone from the cloud                          |
      |                                                   | the Service is gone                                                                     |
    Then the same replica leads, and no other changed anything in the cloud

  @ccm-leader-replaced @core
  Scenario: When the replica that leads dies another takes over, and load balancers stay as they are
    Given several replicas of the controller manager, of which one leads
    And a Service with a load balancer
    And clients outside the cluster that call the backend all the time
    When these things happen one after another
      | change                         | outcome                                                                                  |
      | the replica that leads dies    | another replica leads                                                                    |
      |                                | the Service's events tell that its load balancer was ensured again                       |
      |                                | every call of those clients was answered                                                 |
      |                                | the load balancer in the cloud is as it was before                                       |
      |                                | the Service has kept its ingress address                                                 |
      |                                | the Service has kept its node port                                                       |
      | the Service gets one more port | the load balancer in the cloud has that address and listens on the Service's ports alone |
    Then clients outside the cluster reach the backend through the load balancer at every port
