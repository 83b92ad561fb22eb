"""Prints template.yaml as CloudFormation gets it: SAM's own transform, with parameters as NAME=value arguments.

`sam validate` does not go so far without AWS.
"""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class ManagedPolicies:
    """The ARNs of policies that the transform would ask AWS for."""

    def load(self):
        return {"AWSCodeDeployRoleForLambda": "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"}


with open("template.yaml", encoding="utf-8") as file:
    template = yaml_parse(file)
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # Where `sam deploy` puts what it finds there.
        resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
parameters = dict(argument.split("=", 1) for argument in sys.argv[1:])
json.dump(transform(template, parameters, ManagedPolicies()), sys.stdout)
