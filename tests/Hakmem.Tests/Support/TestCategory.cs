namespace Hakmem.Tests.Support;

// What a run may ask for by `category=fast`, `category=stress` or `category=child`. Each test class has exactly one.
internal enum TestCategory
{
    // All that is neither of the others. Together they take less than a minute on two processors in a Debug build.
    Fast,

    // Runs that take long: racing threads, random sequences, every call refused in turn, models, and all but the main
    // modes of the conformance suite.
    Stress,

    // Starts processes.
    Child,
}
