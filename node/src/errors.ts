// Written by `cargo xtask generate` from the table of errors in the core. Do not edit.
/** The errors of this package, one class for each kind. */
import { AmbiguousError, CodatError } from "./error";

/** The input is not valid. */
export class InvalidInputError extends CodatError {
    static {
        this.prototype.name = "InvalidInputError";
    }
    static readonly code = "invalid_input";
    override readonly code = InvalidInputError.code;
}

/** No API key was given. */
export class NoCredentialError extends CodatError {
    static {
        this.prototype.name = "NoCredentialError";
    }
    static readonly code = "no_credential";
    override readonly code = NoCredentialError.code;
}

/** The API key is not valid. */
export class InvalidCredentialError extends CodatError {
    static {
        this.prototype.name = "InvalidCredentialError";
    }
    static readonly code = "invalid_credential";
    override readonly code = InvalidCredentialError.code;
}

/** Codat does not accept the API key. */
export class UnauthorizedError extends CodatError {
    static {
        this.prototype.name = "UnauthorizedError";
    }
    static readonly code = "unauthorized";
    override readonly code = UnauthorizedError.code;
}

/** A limit of the Codat account is reached. */
export class PaymentRequiredError extends CodatError {
    static {
        this.prototype.name = "PaymentRequiredError";
    }
    static readonly code = "payment_required";
    override readonly code = PaymentRequiredError.code;
}

/** The API key may not do this. */
export class ForbiddenError extends CodatError {
    static {
        this.prototype.name = "ForbiddenError";
    }
    static readonly code = "forbidden";
    override readonly code = ForbiddenError.code;
}

/** The account has 10 keys already, the most that Codat allows. */
export class KeyLimitReachedError extends CodatError {
    static {
        this.prototype.name = "KeyLimitReachedError";
    }
    static readonly code = "key_limit_reached";
    override readonly code = KeyLimitReachedError.code;
}

/** This is the last remaining key. */
export class LastKeyError extends CodatError {
    static {
        this.prototype.name = "LastKeyError";
    }
    static readonly code = "last_key";
    override readonly code = LastKeyError.code;
}

/** This is the key in use. */
export class KeyInUseError extends CodatError {
    static {
        this.prototype.name = "KeyInUseError";
    }
    static readonly code = "key_in_use";
    override readonly code = KeyInUseError.code;
}

/** There is no such key or resource. */
export class NotFoundError extends CodatError {
    static {
        this.prototype.name = "NotFoundError";
    }
    static readonly code = "not_found";
    override readonly code = NotFoundError.code;
}

/** Too many requests. */
export class RateLimitedError extends CodatError {
    static {
        this.prototype.name = "RateLimitedError";
    }
    static readonly code = "rate_limited";
    override readonly code = RateLimitedError.code;
}

/** It is unknown whether the change took effect. */
export class OutcomeUnknownError extends AmbiguousError {
    static {
        this.prototype.name = "OutcomeUnknownError";
    }
    static readonly code = "outcome_unknown";
    override readonly code = OutcomeUnknownError.code;
}

/** The request conflicts with another. */
export class ConflictError extends CodatError {
    static {
        this.prototype.name = "ConflictError";
    }
    static readonly code = "conflict";
    override readonly code = ConflictError.code;
}

/** Codat failed to process the request. */
export class ServerError extends CodatError {
    static {
        this.prototype.name = "ServerError";
    }
    static readonly code = "server";
    override readonly code = ServerError.code;
}

/** There is no connection. */
export class ConnectError extends CodatError {
    static {
        this.prototype.name = "ConnectError";
    }
    static readonly code = "connect";
    override readonly code = ConnectError.code;
}

/** No response arrived in time. */
export class TimeoutError extends CodatError {
    static {
        this.prototype.name = "TimeoutError";
    }
    static readonly code = "timeout";
    override readonly code = TimeoutError.code;
}

/** The response is not one that Codat documents. */
export class BadResponseError extends CodatError {
    static {
        this.prototype.name = "BadResponseError";
    }
    static readonly code = "bad_response";
    override readonly code = BadResponseError.code;
}

/** The response is larger than the limit. */
export class TooLargeError extends CodatError {
    static {
        this.prototype.name = "TooLargeError";
    }
    static readonly code = "too_large";
    override readonly code = TooLargeError.code;
}

/** The client is closed. */
export class ClosedError extends CodatError {
    static {
        this.prototype.name = "ClosedError";
    }
    static readonly code = "closed";
    override readonly code = ClosedError.code;
}

/** This is a defect of codat-keys. */
export class InternalError extends CodatError {
    static {
        this.prototype.name = "InternalError";
    }
    static readonly code = "internal";
    override readonly code = InternalError.code;
}
