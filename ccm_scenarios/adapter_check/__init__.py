"""Proves an adapter before any scenario runs with it.

* `verbs`: which verbs each capability stands for;
* `findings`: what holds and what does not;
* `static`: what can be told without a cloud: the adapter has what it declares, with the contract's signatures, and
  refuses what it does not declare;
* `live`, with `machines` and `balancers`: the verbs do in a cloud what the contract says, and leave nothing behind;
* `skeleton`: a new adapter to start from.
"""
