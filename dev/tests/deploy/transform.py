"""Prints a template as CloudFormation gets it: SAM's own transform of the file that is the first argument, with
parameters as NAME=value in the others.

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


path, *arguments = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file)
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # Where `sam deploy` puts what it finds there.
        resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
parameters = dict(argument.split("=", 1) for argument in arguments)
json.dump(transform(template, parameters, ManagedPolicies()), sys.stdout)
