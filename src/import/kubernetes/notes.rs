//! The codes of remarks that an import makes.

use crate::import::notes::codes;

pub(super) use crate::import::notes::Notes;

codes! {
    POD_AFFINITY NotExpressed "pod-affinity" "required affinity to other pods that the snapshot does not hold to";
    ANTI_AFFINITY NotExpressed "pod-anti-affinity" "required anti-affinity that the snapshot does not hold to";
    HOST_PORT NotExpressed "host-port" "host ports that may clash across frameworks";
    SPREAD NotExpressed "topology-spread" "spread constraint that the snapshot takes as a wish only, or not at all";
    PREFERRED_NODE NotExpressed "preferred-node-affinity" "wish for certain nodes";
    PREFERRED_AFFINITY NotExpressed "preferred-pod-affinity" "wish to be near other pods";
    PREFERRED_ANTI_AFFINITY NotExpressed "preferred-pod-anti-affinity" "wish to be away from other pods";
    PREFER_NO_SCHEDULE NotExpressed "prefer-no-schedule" "taint that is only a wish";
    VOLUME_CLAIM NotExpressed "volume-claim" "volumes may tie the pod to nodes or zones, which pods do not say";
    RESOURCE_CLAIM NotExpressed "resource-claim" "devices asked for by dynamic resource allocation";
    OTHER_SCHEDULER NotExpressed "other-scheduler" "a scheduler with rules of its own places the pod";
    CORDON_TOLERATED NotExpressed "cordon-tolerated" "a pending pod that Kubernetes may place on a cordoned node";
    PREEMPTION NotExpressed "preemption" "a pending pod that may evict others of lower priority";
    UNKNOWN_OPERATOR NotExpressed "unknown-operator" "an operator that is not known here: taken as not satisfied";
    IGNORED NotExpressed "ignored-objects" "objects of other kinds, not read";
    AGENTS_LIST Reworded "agents-list" "a node rule that became the list of agents that satisfy it";
    NARROWED Reworded "affinity-narrowed" "affinity to pods, said as the agents where they run now";
    LABEL Reworded "label-set-aside" "a label whose name means something else in a snapshot";
    RENAMED Reworded "job-renamed" "a job named with its kind or priority, because the name was taken";
    RESOURCE_RENAMED Reworded "resource-renamed" "a resource under another name, because its own is taken";
    CAPPED Reworded "amount-capped" "an amount outside what a snapshot may state";
    FINISHED Fact "finished" "a finished pod, left out";
    UNASSIGNED_TERMINATING Fact "terminating-unassigned" "a pod that was deleted before it ran, left out";
    UNKNOWN_NODE Fact "unknown-node" "a pod on a node that the input does not hold, left out";
    DUPLICATE Fact "duplicate-object" "an object that the input holds more than once; the first counts";
    TERMINATING Fact "terminating" "a pod that is being deleted: still holds its place, and is not moved";
    GATED Fact "scheduling-gated" "a pod that waits for its scheduling gates: placed nowhere";
    RUNTIME_CLASS Fact "runtime-class" "a pod with a runtime class; its node rules and overhead are those written in the pod";
    NOT_READY Fact "node-not-ready" "a node that is not ready; its taints say what may go there";
    NEVER_FITS Fact "never-fits" "a pod that asks for more than any node offers";
    NO_NODE Fact "no-node-matches" "a pod whose rules no node satisfies";
    BREAKS_RULE Fact "running-breaks-rule" "running pods that break a rule which Kubernetes ignores once they run";
    OVERCOMMITTED Fact "overcommitted" "a node whose pods ask for more than it offers";
}
