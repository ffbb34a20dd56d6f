"""Kubernetes' protobuf bodies -> JSON objects, for what kubectl sends that way. Pure.

Since 1.33 client-go's typed clients (kubectl create, run, auth, drain) send protobuf and take no 415 for an
answer. Envelope: k8s.io/apimachinery runtime/generated.proto (`k8s\\0` and Unknown{typeMeta, raw}). The table
holds the field numbers of k8s.io/api */generated.proto; a filled field that it doesn't know is refused, so
that nothing is dropped in silence. Answers are JSON, which those clients accept.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from .errors import Refusal, bad_request
from .objects import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

# message -> field number -> "name:type". Types: str, flag and num are left out when empty (Go's omitempty), int and
# bool are kept when 0 (pointers in Go), map has text values, bytemap bytes, quantities those; anything else is a
# message; * marks a list, and a message without a name is embedded.
_FIELDS: dict[str, dict[int, str]] = {
    "ObjectMeta": {
        1: "name:str",
        2: "generateName:str",
        3: "namespace:str",
        5: "uid:str",
        6: "resourceVersion:str",
        7: "generation:num",
        8: "creationTimestamp:Time",
        11: "labels:map",
        12: "annotations:map",
        13: "ownerReferences:*OwnerReference",
    },
    "OwnerReference": {
        1: "kind:str",
        3: "name:str",
        4: "uid:str",
        5: "apiVersion:str",
        6: "controller:bool",
        7: "blockOwnerDeletion:bool",
    },
    "Time": {},
    "LabelSelector": {1: "matchLabels:map", 2: "matchExpressions:*LabelSelectorRequirement"},
    "LabelSelectorRequirement": {1: "key:str", 2: "operator:str", 3: "values:*str"},
    "DeleteOptions": {
        1: "gracePeriodSeconds:int",
        2: "preconditions:Preconditions",
        3: "orphanDependents:flag",
        4: "propagationPolicy:str",
        5: "dryRun:*str",
    },
    "Preconditions": {1: "uid:str", 2: "resourceVersion:str"},
    "Namespace": {1: "metadata:ObjectMeta", 2: "spec:Empty", 3: "status:Empty"},
    "Empty": {},
    "ConfigMap": {1: "metadata:ObjectMeta", 2: "data:map", 3: "binaryData:bytemap", 4: "immutable:flag"},
    "Secret": {
        1: "metadata:ObjectMeta",
        2: "data:bytemap",
        3: "type:str",
        4: "stringData:map",
        5: "immutable:flag",
    },
    "ServiceAccount": {1: "metadata:ObjectMeta", 4: "automountServiceAccountToken:flag"},
    "ResourceQuota": {1: "metadata:ObjectMeta", 2: "spec:ResourceQuotaSpec", 3: "status:Empty"},
    "ResourceQuotaSpec": {1: "hard:quantities", 2: "scopes:*str"},
    "Service": {1: "metadata:ObjectMeta", 2: "spec:ServiceSpec", 3: "status:Empty"},
    "ServiceSpec": {
        1: "ports:*ServicePort",
        2: "selector:map",
        3: "clusterIP:str",
        4: "type:str",
        7: "sessionAffinity:str",
        10: "externalName:str",
        13: "publishNotReadyAddresses:flag",
        18: "clusterIPs:*str",
    },
    "ServicePort": {
        1: "name:str",
        2: "protocol:str",
        3: "port:num",
        4: "targetPort:IntOrString",
        5: "nodePort:num",
        6: "appProtocol:str",
    },
    "IntOrString": {1: "type:num", 2: "intVal:num", 3: "strVal:str"},
    "Deployment": {1: "metadata:ObjectMeta", 2: "spec:DeploymentSpec", 3: "status:Empty"},
    "DeploymentSpec": {
        1: "replicas:int",
        2: "selector:LabelSelector",
        3: "template:PodTemplateSpec",
        4: "strategy:DeploymentStrategy",
        5: "minReadySeconds:num",
    },
    "DeploymentStrategy": {1: "type:str"},
    "Job": {1: "metadata:ObjectMeta", 2: "spec:JobSpec", 3: "status:Empty"},
    "JobSpec": {
        1: "parallelism:int",
        2: "completions:int",
        3: "activeDeadlineSeconds:int",
        4: "selector:LabelSelector",
        6: "template:PodTemplateSpec",
        7: "backoffLimit:int",
        8: "ttlSecondsAfterFinished:int",
        9: "completionMode:str",
        10: "suspend:bool",
        14: "podReplacementPolicy:str",
    },
    "CronJob": {1: "metadata:ObjectMeta", 2: "spec:CronJobSpec", 3: "status:Empty"},
    "CronJobSpec": {
        1: "schedule:str",
        2: "startingDeadlineSeconds:int",
        3: "concurrencyPolicy:str",
        4: "suspend:bool",
        5: "jobTemplate:JobTemplateSpec",
        6: "successfulJobsHistoryLimit:int",
        7: "failedJobsHistoryLimit:int",
    },
    "JobTemplateSpec": {1: "metadata:ObjectMeta", 2: "spec:JobSpec"},
    "Ingress": {1: "metadata:ObjectMeta", 2: "spec:IngressSpec", 3: "status:Empty"},
    "IngressSpec": {
        1: "defaultBackend:IngressBackend",
        2: "tls:*IngressTLS",
        3: "rules:*IngressRule",
        4: "ingressClassName:str",
    },
    "IngressTLS": {1: "hosts:*str", 2: "secretName:str"},
    "IngressRule": {1: "host:str", 2: ":IngressRuleValue"},
    "IngressRuleValue": {1: "http:IngressPaths"},
    "IngressPaths": {1: "paths:*IngressPath"},
    "IngressPath": {1: "path:str", 2: "backend:IngressBackend", 3: "pathType:str"},
    "IngressBackend": {4: "service:IngressService"},
    "IngressService": {1: "name:str", 2: "port:IngressPort"},
    "IngressPort": {1: "name:str", 2: "number:num"},
    "PodTemplateSpec": {1: "metadata:ObjectMeta", 2: "spec:PodSpec"},
    "Pod": {1: "metadata:ObjectMeta", 2: "spec:PodSpec", 3: "status:Empty"},
    "PodSpec": {
        2: "containers:*Container",
        3: "restartPolicy:str",
        4: "terminationGracePeriodSeconds:int",
        5: "activeDeadlineSeconds:int",
        6: "dnsPolicy:str",
        7: "nodeSelector:map",
        8: "serviceAccountName:str",
        9: "serviceAccount:str",
        10: "nodeName:str",
        11: "hostNetwork:flag",
        12: "hostPID:flag",
        14: "securityContext:PodSecurityContext",
        16: "hostname:str",
        17: "subdomain:str",
        19: "schedulerName:str",
        20: "initContainers:*Container",
        21: "automountServiceAccountToken:bool",
        27: "shareProcessNamespace:flag",
    },
    "Container": {
        1: "name:str",
        2: "image:str",
        3: "command:*str",
        4: "args:*str",
        5: "workingDir:str",
        6: "ports:*ContainerPort",
        7: "env:*EnvVar",
        8: "resources:Resources",
        13: "terminationMessagePath:str",
        14: "imagePullPolicy:str",
        15: "securityContext:SecurityContext",
        16: "stdin:flag",
        17: "stdinOnce:flag",
        18: "tty:flag",
        20: "terminationMessagePolicy:str",
    },
    "Resources": {1: "limits:quantities", 2: "requests:quantities"},
    "Quantity": {1: "string:str"},
    "SecurityContext": {
        1: "capabilities:Capabilities",
        2: "privileged:bool",
        4: "runAsUser:int",
        5: "runAsNonRoot:bool",
        6: "readOnlyRootFilesystem:bool",
        7: "allowPrivilegeEscalation:bool",
        8: "runAsGroup:int",
        11: "seccompProfile:SeccompProfile",
    },
    "Capabilities": {1: "add:*str", 2: "drop:*str"},
    "SeccompProfile": {1: "type:str", 2: "localhostProfile:str"},
    "PodSecurityContext": {
        2: "runAsUser:int",
        3: "runAsNonRoot:bool",
        5: "fsGroup:int",
        6: "runAsGroup:int",
        10: "seccompProfile:SeccompProfile",
    },
    "ContainerPort": {1: "name:str", 2: "hostPort:num", 3: "containerPort:num", 4: "protocol:str"},
    "EnvVar": {1: "name:str", 2: "value:str"},
    "Role": {1: "metadata:ObjectMeta", 2: "rules:*PolicyRule"},
    "PolicyRule": {
        1: "verbs:*str",
        2: "apiGroups:*str",
        3: "resources:*str",
        4: "resourceNames:*str",
        5: "nonResourceURLs:*str",
    },
    "RoleBinding": {1: "metadata:ObjectMeta", 2: "subjects:*Subject", 3: "roleRef:RoleRef"},
    "Subject": {1: "kind:str", 2: "apiGroup:str", 3: "name:str", 4: "namespace:str"},
    "RoleRef": {1: "apiGroup:str", 2: "kind:str", 3: "name:str"},
    "SelfSubjectAccessReview": {1: "metadata:ObjectMeta", 2: "spec:AccessSpec", 3: "status:Empty"},
    "AccessSpec": {1: "resourceAttributes:ResourceAttributes", 2: "nonResourceAttributes:PathAttributes"},
    "ResourceAttributes": {
        1: "namespace:str",
        2: "verb:str",
        3: "group:str",
        4: "version:str",
        5: "resource:str",
        6: "subresource:str",
        7: "name:str",
    },
    "PathAttributes": {1: "path:str", 2: "verb:str"},
    "SelfSubjectRulesReview": {1: "metadata:ObjectMeta", 2: "spec:RulesSpec", 3: "status:Empty"},
    "RulesSpec": {1: "namespace:str"},
    "SelfSubjectReview": {1: "metadata:ObjectMeta", 2: "status:Empty"},
    "TokenRequest": {1: "metadata:ObjectMeta", 2: "spec:TokenSpec", 3: "status:Empty"},
    "TokenSpec": {1: "audiences:*str", 4: "expirationSeconds:int"},
    "Eviction": {1: "metadata:ObjectMeta", 2: "deleteOptions:DeleteOptions"},
    "Scale": {1: "metadata:ObjectMeta", 2: "spec:ScaleSpec", 3: "status:Empty"},
    "ScaleSpec": {1: "replicas:int"},
}
_FIELDS["ClusterRole"] = _FIELDS["Role"]
_FIELDS["ClusterRoleBinding"] = _FIELDS["RoleBinding"]
# What a server fills in anyway, or what means nothing in a request.
_IGNORED = ("Time", "Empty")
_MAPS = ("map", "bytemap", "quantities")


def decode(content: bytes) -> Object:
    """The object in a protobuf body. Raises Refusal(400 or 415)."""
    if not content.startswith(_MAGIC):
        raise bad_request("the body does not start as Kubernetes protobuf does")
    try:
        envelope = dict(_pieces(content[len(_MAGIC) :]))
        typed = {number: bytes(value).decode() for number, value in _pieces(envelope[1])}
        kind = typed[2]
        if kind not in _FIELDS:
            raise Refusal(415, f"{kind} is not understood as protobuf here: send JSON")
        body = _message(kind, envelope.get(2, b""))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise bad_request("the protobuf body can't be decoded") from error
    return {"apiVersion": typed[1], "kind": kind, **body}


def _pieces(data: Any) -> Iterator[tuple[int, Any]]:
    """(field number, integer or bytes) of one message (protobuf.dev/programming-guides/encoding)."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            value: Any
            value, position = _varint(data, position)
        elif tag & 7 == 2:
            length, position = _varint(data, position)
            value, position = data[position : position + length], position + length
            if len(value) != length:
                raise ValueError("a field is cut off")
        else:
            raise ValueError("fixed-width fields occur in no type of the table")
        yield tag >> 3, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return (value - (1 << 64) if value >> 63 else value), position


def _message(name: str, data: bytes) -> Any:
    result: Object = {}
    for number, value in _pieces(data):
        described = _FIELDS[name].get(number)
        if described is None:
            if value:
                raise Refusal(415, f"field {number} of {name} is not understood as protobuf here: send JSON")
            continue
        field, _, kind = described.partition(":")
        if kind.startswith("*"):
            result.setdefault(field, []).append(_value(kind[1:], value))
        elif kind in _MAPS:
            entry = dict(_pieces(value))
            held = result.setdefault(field, {})
            held[bytes(entry.get(1, b"")).decode()] = _text(kind, entry.get(2, b""))
        elif not field:
            result |= _message(kind, value)
        elif kind not in _IGNORED and (found := _value(kind, value)) not in ("", None, {}):
            result[field] = found
    return _int_or_string(result) if name == "IntOrString" else result


def _value(kind: str, value: Any) -> Any:
    if kind == "str":
        return bytes(value).decode()
    if kind == "flag":
        return True if value else None
    if kind == "bool":
        return bool(value)
    if kind == "num":
        return value or None
    return value if kind == "int" else _message(kind, value)


def _text(kind: str, value: bytes) -> str:
    if kind == "quantities":
        return str(_message("Quantity", value).get("string", "0"))
    return base64.b64encode(value).decode() if kind == "bytemap" else value.decode()


def _int_or_string(fields: Object) -> Any:
    if fields.get("type"):
        return fields.get("strVal", "")
    return fields.get("intVal") or None
