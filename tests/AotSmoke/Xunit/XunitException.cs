using System;

namespace Xunit.Sdk;

// What a failed assertion throws, under xunit's name.
internal sealed class XunitException(string message, Exception? cause = null) : Exception(message, cause);
