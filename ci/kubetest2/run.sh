#!/usr/bin/env bash
# Has kubetest2 make a cluster, run the behaviours on it by its exec tester, and end it.
# Usage: run.sh DEPLOYER [FLAGS OF THE DEPLOYER …]; TAGS names the provider. Reports go to $ARTIFACTS.
set -euo pipefail

deployer=${1:?which deployer of kubetest2}
shift
# The exec tester itself replaces $KUBECONFIG, which the deployer set: the cluster is named, not found.
exec kubetest2 "$deployer" --up --down "$@" --test=exec -- \
    ccm-scenarios run --tags="${TAGS:?for instance @mycloud}" -D 'kubeconfig=$KUBECONFIG' -D disruptive=allow
