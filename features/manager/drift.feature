@serial @needs.ccm-control @needs.load-balancer @needs.lb-damage
Feature: Repair of what others damaged
  Somebody at the cloud's console may take a listener away or alter a health check. A controller manager need not notice
  that by itself, but whenever it ensures a load balancer, as it does for each when it starts, it makes all of it right.

  @lb-drift-repaired-after-restart @core
  Scenario: A listener that was taken away in the cloud is there again after a restart of the controller manager
    Given a Service with a load balancer
    And its listener was taken away in the cloud
    When the controller manager restarts
    Then the load balancer in the cloud is as it was before
    And clients outside the cluster reach the backend through the load balancer

  @lb-health-drift-repaired-after-restart @core
  Scenario: Targets and a health check that were altered in the cloud are right again after a restart of the controller manager
    Given a Service with a load balancer
    And its targets were taken out and its health check altered in the cloud
    When the controller manager restarts
    Then the load balancer in the cloud is as it was before
    And clients outside the cluster reach the backend through the load balancer
