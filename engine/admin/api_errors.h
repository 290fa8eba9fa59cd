// The errors of the AWS IoT control plane (control-plane.md 3), as one table.
// Thread: any.
#ifndef WR_ENGINE_ADMIN_API_ERRORS_H
#define WR_ENGINE_ADMIN_API_ERRORS_H

// ERROR(name, HTTP status, code as in x-amzn-ErrorType)
#define WR_API_ERRORS(ERROR)                                                  \
    ERROR(INVALID_REQUEST, 400, "InvalidRequestException")                    \
    ERROR(SQL_PARSE, 400, "SqlParseException")                                \
    ERROR(MALFORMED_POLICY, 400, "MalformedPolicyException")                  \
    ERROR(CERTIFICATE_VALIDATION, 400, "CertificateValidationException")      \
    ERROR(REGISTRATION_CODE, 400, "RegistrationCodeValidationException")      \
    ERROR(INVALID_QUERY, 400, "InvalidQueryException")                        \
    ERROR(INDEX_NOT_READY, 400, "IndexNotReadyException")                     \
    ERROR(THROTTLING, 400, "ThrottlingException")                             \
    ERROR(RESOURCE_REGISTRATION, 400, "ResourceRegistrationFailureException") \
    ERROR(VALIDATION, 400, "ValidationException")                             \
    ERROR(UNAUTHORIZED, 401, "UnauthorizedException")                         \
    ERROR(SERVICE_QUOTA, 402, "ServiceQuotaExceededException")                \
    ERROR(ACCESS_DENIED, 403, "AccessDeniedException")                        \
    ERROR(NOT_FOUND, 404, "ResourceNotFoundException")                        \
    ERROR(NOT_CONFIGURED, 404, "NotConfiguredException")                      \
    ERROR(UNKNOWN_OPERATION, 404, "UnknownOperationException")                \
    ERROR(CERTIFICATE_STATE, 406, "CertificateStateException")                \
    ERROR(EXISTS, 409, "ResourceAlreadyExistsException")                      \
    ERROR(VERSION_CONFLICT, 409, "VersionConflictException")                  \
    ERROR(DELETE_CONFLICT, 409, "DeleteConflictException")                    \
    ERROR(CONFLICTING_UPDATE, 409, "ConflictingResourceUpdateException")      \
    ERROR(CERTIFICATE_CONFLICT, 409, "CertificateConflictException")          \
    ERROR(TRANSFER_CONFLICT, 409, "TransferConflictException")                \
    ERROR(VERSIONS_LIMIT, 409, "VersionsLimitExceededException")              \
    ERROR(STATE_TRANSITION, 409, "InvalidStateTransitionException")           \
    ERROR(CONFLICT, 409, "ConflictException")                                 \
    ERROR(LIMIT_EXCEEDED, 410, "LimitExceededException")                      \
    ERROR(TRANSFER_COMPLETED, 410, "TransferAlreadyCompletedException")       \
    ERROR(INTERNAL_FAILURE, 500, "InternalFailureException")                  \
    ERROR(INTERNAL, 500, "InternalException") /* of rules and destinations */ \
    ERROR(UNAVAILABLE, 503, "ServiceUnavailableException")

enum wr_api_error {
    WR_API_OK = 0,
#define ERROR(name, status, code) WR_API_##name,
    WR_API_ERRORS(ERROR)
#undef ERROR
};

#endif
