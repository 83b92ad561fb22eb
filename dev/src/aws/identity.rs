//! The account, the region and the API that exist only on this machine.

/// The account in events and ARNs: the example account of the AWS documentation.
pub(crate) const ACCOUNT_ID: &str = "123456789012";
/// The region in ARNs, and the default of `AWS_REGION` for functions.
pub(crate) const REGION: &str = "us-east-1";
/// The id of the HTTP API in events.
pub(crate) const API_ID: &str = "local";

/// The ARN of a function.
pub(crate) fn function_arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}")
}
