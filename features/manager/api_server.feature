@serial @needs.api-server-control @needs.load-balancer
Feature: A restart of the API server
  API servers are upgraded and moved as all else is. While there is none, a controller manager can neither hear what is
  wanted nor tell what it did. What it was about to do it does when there is one again, and does it once.

  @ccm-survives-api-server-restart @core
  Scenario: Services that are being served while the API server restarts get one load balancer each
    Given a Service with a load balancer
    And clients outside the cluster that call the backend all the time
    When more Services are created for the backend, and the API server restarts while they are being served
    Then each of them gets an ingress address, and a load balancer that listens on its port alone
    And each of them has as much in the cloud as the Service that was there before
    And every call of those clients was answered
    And the load balancer in the cloud is as it was before
    And the Service has kept its ingress address
