using System.Text.Json;
using System.Text.Json.Nodes;
using Hakmem.Benchmarks.Runner;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Runner;

public sealed class ResultRowTests
{
    [Fact]
    public void TimesAreOfTheFastestAndTheSlowestProcess()
    {
        ResultRow row = Rows.Of([7, 5, 6]);
        Assert.Equal((5, 7), (row.Nanoseconds, row.SlowestNanoseconds));
    }

    [Fact]
    public void SpeedUpIsOneWorkersTimeOverAllWorkers()
    {
        ResultRow row = Rows.Of([5, 6], oneWorker: [10, 9, 12]);
        Assert.Equal((9, 1.8), (row.OneWorkerNanoseconds, row.SpeedUp));
    }

    [Fact]
    public void RowWithoutOneWorkerHasNoSpeedUp()
    {
        ResultRow row = Rows.Of([5]);
        Assert.Null(row.OneWorkerNanoseconds);
        Assert.Null(row.SpeedUp);
    }

    [Fact]
    public void RowIsReadAsItWasWritten()
    {
        ResultRow row = Read(Written(Rows.Of([5, 6], oneWorker: [9])));
        Assert.Equal((5, 6, 1.8), (row.Nanoseconds, row.SlowestNanoseconds, row.SpeedUp));
    }

    [Fact]
    public void RowOfAnEarlierVersionIsRead()
    {
        JsonNode json = JsonNode.Parse(Written(Rows.Of([5, 6], oneWorker: [9])))!;
        JsonObject written = json["rows"]![0]!.AsObject();
        foreach (string added in
            (string[])["slowestNanoseconds", "oneWorkerNanoseconds", "speedUp", "oneWorkerProcesses"])
        {
            Assert.True(written.Remove(added), added);
        }

        Assert.True(written["processes"]![0]!.AsObject().Remove("workerCount"));
        ResultRow row = Read(json.ToJsonString());
        Assert.Equal((5, 6), (row.Nanoseconds, row.SlowestNanoseconds));
        Assert.Null(row.SpeedUp);
        Assert.Null(row.Processes[0].WorkerCount);
    }

    private static string Written(ResultRow row) => JsonSerializer.Serialize(
        new ResultSet { Environment = Rows.Environment(), Rounds = 1, Rows = [row], Notes = [] },
        ResultsJsonContext.Default.ResultSet);

    private static ResultRow Read(string json) =>
        Assert.Single(JsonSerializer.Deserialize(json, ResultsJsonContext.Default.ResultSet)!.Rows);
}
