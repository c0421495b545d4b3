using System;
using System.Linq;
using Xunit.Runner.Common;
using Xunit.Sdk;

namespace Hakmem.Tests.Support;

internal sealed class CountingReporterMessageHandler(IRunnerLogger logger) : DefaultRunnerReporterMessageHandler(logger)
{
    protected override void HandleTestFailed(MessageHandlerArgs<ITestFailed> args)
    {
        string test = MetadataCache.TryGetTestMetadata(args.Message)?.TestDisplayName ?? args.Message.TestUniqueID;
        CountingReporter.Failed.Enqueue($"{test}: {args.Message.Messages.FirstOrDefault()?.Split('\n', StringSplitOptions.TrimEntries).FirstOrDefault(line => line.Length > 0)}");

        // The cache forgets the test in the base class.
        base.HandleTestFailed(args);
    }

    protected override void HandleTestSkipped(MessageHandlerArgs<ITestSkipped> args)
    {
        CountingReporter.Skipped.AddOrUpdate(args.Message.Reason, 1, (_, count) => count + 1);
        base.HandleTestSkipped(args);
    }

    protected override void HandleTestExecutionSummaries(MessageHandlerArgs<TestExecutionSummaries> args)
    {
        base.HandleTestExecutionSummaries(args);
        var summaries = args.Message.SummariesByAssemblyUniqueID.Select(entry => entry.Summary).ToArray();

        // An error is a failure outside a test, such as a fixture's Dispose that throws: it fails the run too.
        CountingReporter.Counts = new RunCounts(
            Passed: summaries.Sum(summary => summary.Passed),
            Failed: summaries.Sum(summary => summary.Failed + summary.Errors),
            Skipped: summaries.Sum(summary => summary.Skipped));
    }
}
