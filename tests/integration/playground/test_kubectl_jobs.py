"""Jobs, CronJobs and Ingresses as the real kubectl and the official Python client meet them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
import yaml

from tests.support.playground import SharedPlayground

CRON = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  suspend: true
  jobTemplate:
    metadata: {labels: {team: shop}}
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          terminationGracePeriodSeconds: 0
          automountServiceAccountToken: false
          securityContext: {runAsUser: 65532}
          containers:
            - name: work
              image: busybox:1
              command: [sh, -c, "sleep 600"]
              resources: {limits: {cpu: 100m, memory: 32Mi}}
              securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example], secretName: cert}]
  rules:
    - host: shop.example
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 8080}}}}
          - {path: /pay, pathType: Exact, backend: {service: {name: payments, port: {name: http}}}}
"""
DONE = "--for=condition=complete"


class Shell:
    """kubectl in a namespace of the test's own, and a file for what it applies."""

    def __init__(self, playground: SharedPlayground, namespace: str, file: Path) -> None:
        self._playground, self.namespace, self.file = playground, namespace, str(file)

    def __call__(self, *words: str) -> str:
        done = self._playground.kubectl("-n", self.namespace, *words, seconds=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        done = self._playground.kubectl("-n", self.namespace, *words, seconds=60)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def apply(self, text: str) -> None:
        """Apply twice: the second time nothing may change."""
        Path(self.file).write_text(text)
        assert self("apply", "-f", self.file).endswith(" created\n")
        assert self("apply", "-f", self.file).endswith(" unchanged\n")

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "-o", "json"))


@pytest.fixture
def sh(playground: SharedPlayground, fresh_namespace: str, tmp_path: Path) -> Shell:
    return Shell(playground, fresh_namespace, tmp_path / "manifest.yaml")


@pytest.fixture
def api(playground: SharedPlayground) -> Iterator[Any]:
    with kubernetes.config.new_client_from_config(str(playground.admin_kubeconfig)) as client:
        yield client


def _job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "work", "image": "busybox:1", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}, **spec},
    }


def test_a_job_runs_its_pods_to_completion(sh: Shell) -> None:
    sh("create", "job", "sum", "--image=busybox:1", "--", "sh", "-c", "echo $((1 + 2))")
    sh("wait", "job/sum", DONE, "--timeout=30s")
    assert sh("logs", "job/sum") == "3\n"
    assert re.search(r"^sum +Complete +1/1 +\d+s +\d+s$", sh("get", "jobs", "--no-headers"), re.MULTILINE)
    job = sh.json("get", "job", "sum")
    assert [c["type"] for c in job["status"]["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert (job["status"]["succeeded"], "active" in job["status"]) == (1, False)
    (pod,) = sh.json("get", "pods", "-l", "batch.kubernetes.io/job-name=sum,job-name=sum")["items"]
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"], owner["name"], owner["controller"]) == ("batch/v1", "Job", "sum", True)
    assert job["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]}
    described = sh("describe", "job", "sum")
    assert "Pods Statuses:    0 Active (0 Ready) / 1 Succeeded / 0 Failed" in described
    assert "Job completed" in described
    sh("delete", "job", "sum")
    sh("wait", "pod", "-l", "job-name=sum", "--for=delete", "--timeout=20s")


def test_several_pods_at_once_until_enough_succeeded(sh: Shell, api: Any) -> None:
    batch = kubernetes.client.BatchV1Api(api)
    batch.create_namespaced_job(sh.namespace, _job("many", "sleep 0.2", completions=3, parallelism=2))
    sh("wait", "job/many", DONE, "--timeout=30s")
    assert batch.read_namespaced_job("many", sh.namespace).status.succeeded == 3
    assert "3/3" in sh("get", "job", "many")
    assert len(sh.json("get", "pods")["items"]) == 3


def test_a_failing_job_ends_with_its_backoff_limit(sh: Shell, api: Any) -> None:
    kubernetes.client.BatchV1Api(api).create_namespaced_job(sh.namespace, _job("bad", "exit 3", backoffLimit=1))
    sh("wait", "job/bad", "--for=condition=failed", "--timeout=30s")
    status = sh.json("get", "job", "bad")["status"]
    (failed,) = (c for c in status["conditions"] if c["type"] == "Failed")
    assert (failed["reason"], status["failed"]) == ("BackoffLimitExceeded", 2)
    assert failed["message"] == "Job has reached the specified backoff limit"
    assert re.search(r"^bad +Failed +0/1 ", sh("get", "jobs", "--no-headers"))


def test_a_late_job_is_ended(sh: Shell, api: Any) -> None:
    late = _job("late", "sleep 600", activeDeadlineSeconds=1)
    kubernetes.client.BatchV1Api(api).create_namespaced_job(sh.namespace, late)
    sh("wait", "job/late", "--for=condition=failed", "--timeout=30s")
    assert "DeadlineExceeded" in sh("describe", "job", "late")
    sh("wait", "pod", "-l", "job-name=late", "--for=delete", "--timeout=20s")


def test_a_suspended_job_waits(sh: Shell, api: Any) -> None:
    waiting = _job("waiting", "true", suspend=True, ttlSecondsAfterFinished=1)
    kubernetes.client.BatchV1Api(api).create_namespaced_job(sh.namespace, waiting)
    sh("wait", "job/waiting", "--for=condition=suspended", "--timeout=20s")
    assert sh.json("get", "pods")["items"] == []
    sh("patch", "job", "waiting", "-p", '{"spec": {"suspend": false}}')
    sh("wait", "job/waiting", DONE, "--timeout=20s")
    sh("wait", "job/waiting", "--for=delete", "--timeout=20s")


def test_a_cron_job_makes_a_job_by_hand(sh: Shell) -> None:
    sh.apply(CRON)
    sh("create", "job", "now", "--from=cronjob/nightly")
    sh("wait", "pod", "-l", "job-name=now", "--for=condition=Ready", "--timeout=30s")
    job = sh.json("get", "job", "now")
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("CronJob", "nightly")
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    spec = job["spec"]["template"]["spec"]
    wanted = yaml.safe_load(CRON)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"] == wanted["containers"][0]["resources"]
    assert spec["containers"][0]["securityContext"] == wanted["containers"][0]["securityContext"]
    assert (spec["securityContext"], spec["automountServiceAccountToken"]) == ({"runAsUser": 65532}, False)
    assert job["spec"]["backoffLimit"] == 0
    assert re.search(r"^nightly +0 3 \* \* \* +<none> +True +\d +<none> ", sh("get", "cronjobs", "--no-headers"))
    assert "Suspend:                       True" in sh("describe", "cronjob", "nightly")
    sh("delete", "cronjob", "nightly")
    sh("wait", "pod", "-l", "job-name=now", "--for=delete", "--timeout=20s")


def test_a_schedule_makes_jobs(sh: Shell) -> None:
    sh("create", "cronjob", "often", "--image=busybox:1", "--schedule=* * * * *", "--", "true")
    missed = {"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}}
    sh("patch", "cronjob", "often", "--subresource=status", "-p", json.dumps(missed))
    sh("wait", "cronjob/often", "--for=jsonpath={.status.lastSuccessfulTime}", "--timeout=30s")
    job = sh.json("get", "jobs")["items"][0]
    assert re.fullmatch(r"often-\d+", job["metadata"]["name"])
    assert job["metadata"]["ownerReferences"][0]["controller"] is True


def test_an_ingress_is_kept_and_shown(sh: Shell, api: Any) -> None:
    sh.apply(INGRESS)
    shown = sh("get", "ingress", "--no-headers")
    assert re.search(r"^front +nginx +shop\.example +80, 443 +\d+s$", shown), shown
    found = kubernetes.client.NetworkingV1Api(api).read_namespaced_ingress("front", sh.namespace)
    assert found.spec.rules[0].http.paths[1].backend.service.port.name == "http"
    described = sh("describe", "ingress", "front")
    assert "shop.example" in described
    assert "/pay" in described
    sh("delete", "ingress", "front")
    sh("create", "ingress", "plain", "--rule=a.example/x*=web:8080", "--rule=b.example/=web:http")
    assert re.search(r"^plain +<none> +a\.example,b\.example +80 +\d+s$", sh("get", "ingress", "--no-headers"))
    rules = sh.json("get", "ingress", "plain")["spec"]["rules"]
    backend = {"service": {"name": "web", "port": {"number": 8080}}}
    assert rules[0]["http"]["paths"] == [{"path": "/x", "pathType": "Prefix", "backend": backend}]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (CRON.replace("restartPolicy: Never", "restartPolicy: Always"),
         'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        (CRON.replace("0 3 * * *", "0 3 * *"),
         'spec.schedule: Invalid value: "0 3 * *": expected exactly 5 fields, found 4: [0 3 * *]'),
        (INGRESS.replace("pathType: Prefix, ", ""),
         "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"),
        (INGRESS.replace("port: {number: 8080}", "port: {}"),
         "spec.rules[0].http.paths[0].backend: Required value: port name or number is required"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(sh: Shell, manifest: str, words: str) -> None:
    Path(sh.file).write_text(manifest)
    said = sh.refused("apply", "-f", sh.file)
    assert " is invalid: " in said
    assert said.endswith(f"{words}\n")


def test_a_jobs_pods_are_fixed(sh: Shell, api: Any) -> None:
    kubernetes.client.BatchV1Api(api).create_namespaced_job(sh.namespace, _job("fixed", "sleep 600"))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "work", "image": "busybox:2"}]}}}}
    assert "field is immutable" in sh.refused("patch", "job", "fixed", "-p", json.dumps(patch))
