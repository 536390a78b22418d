@serial @needs.cluster-versions @needs.load-balancer
Feature: Upgrades and downgrades of the cluster
  A cluster gets another version of Kubernetes every few months, and sometimes its former one back. Its API server is
  away for a moment, then its Nodes are emptied and come back one by one. Load balancers serve on all the while, and the
  controller manager goes on with its work as soon as there is an API server again, without making anything anew.

  @kep @core
  Scenario Outline: The cluster goes on working over <what>
    Given a cluster of the <former> version of Kubernetes
    And all Nodes
    And a backend that is never evicted as a whole
    And a load balancer on TCP with the Cluster traffic policy in front of it
    And the Service has its load balancer
    And clients outside the cluster that call the backend all the time
    When these things happen one after another
      | change                                                 | outcome                                                                                |
      | <what> takes place                                     | the API server is of the <control plane> version                                       |
      |                                                        | there are as many Nodes, and the same unless upgrades have others take their places    |
      |                                                        | the Nodes' kubelets and kube-proxies are of the <nodes> version                        |
      | those clients stop calling                             | next to every call was answered, and at no time was there no answer                    |
      | another LoadBalancer Service with a backend is created | the other Service gets an ingress address                                              |
      |                                                        | clients outside the cluster reach the other backend through the other load balancer    |
      | the other Service is deleted                           | the load balancer of the other Service and all that it owned is gone from the cloud    |
      | a Pod comes to every Node                              | every Pod gets an answer from every other Pod                                          |
      |                                                        | Pods reach the backend through the Service                                             |
    Then the load balancer in the cloud is as it was before
    And the Service holds the clean-up finalizer
    And the Service has kept its ingress address
    And the Service has kept its node port
    And clients outside the cluster reach every Pod of the backend through the load balancer

    @control-plane-upgrade-keeps-cluster-working
    Examples: control plane up
      | what                            | former | control plane | nodes |
      | an upgrade of its control plane | older  | newer         | older |

    @cluster-upgrade-keeps-cluster-working
    Examples: all of it up
      | what                                  | former | control plane | nodes |
      | an upgrade of control plane and Nodes | older  | newer         | newer |

    @cluster-downgrade-keeps-cluster-working
    Examples: all of it down
      | what                                   | former | control plane | nodes |
      | a downgrade of Nodes and control plane | newer  | older         | older |
