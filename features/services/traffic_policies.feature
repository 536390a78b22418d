Feature: Which backends a Service leads to
  A Service may want its callers answered on their own Node, or in their own zone. When all its backends are about to end,
  those that still serve are better than none.

  @svc-nodeport-etp-local @kep @service-api @core
  Scenario: With the Local traffic policy only the backend's own Node answers at the node port, and callers keep their addresses
    Given a backend
    When a NodePort Service with the Local traffic policy is created for the backend
    Then other Nodes reach the backend at the node port of its own Node, and it sees their addresses
    And the backend's Node gets no answer at the node ports of other Nodes

  @svc-terminating-fallback-itp-cluster @kep @service-api @core
  Scenario: Pods reach a backend that is about to end when there is no other
    Given a backend that serves on for a while when it is told to end
    And a ClusterIP Service with the Cluster internal traffic policy for the backend
    When the last backend goes
    Then while the backend ends, Pods on every Node reach it through the Service

  @svc-terminating-fallback-itp-local @kep @service-api @core
  Scenario: With the Local internal traffic policy Pods reach a backend that is about to end on their own Node alone
    Given a backend that serves on for a while when it is told to end
    And a ClusterIP Service with the Local internal traffic policy for the backend
    When the last backend goes
    Then while the backend ends, Pods on its own Node reach it through the Service, and Pods on other Nodes do not

  @svc-terminating-fallback-etp-cluster @service-api @core
  Scenario: A backend that is about to end is reached at every node port when there is no other
    Given a backend that serves on for a while when it is told to end
    And a NodePort Service with the Cluster traffic policy for the backend
    When the last backend goes
    Then while the backend ends, other Nodes reach it at the node port of every Node

  @svc-terminating-fallback-etp-local @service-api @core
  Scenario: With the Local traffic policy a backend that is about to end is reached at its own Node's node port alone
    Given a backend that serves on for a while when it is told to end
    And a NodePort Service with the Local traffic policy for the backend
    When the last backend goes
    Then while the backend ends, other Nodes reach it at the node port of its own Node, and at no other Node's

  @svc-zone-routing @extended @needs.zones
  Scenario: A Service that prefers its callers' zone leads to the backends there
    The zones are those that the cloud controller manager has told the Nodes.

    Given a backend in every zone
    When a ClusterIP Service with a preference for its callers' zone is created for the backend
    Then Pods on every Node reach the backend of their own zone, and no other
