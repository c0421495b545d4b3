using System;
using System.Globalization;
using System.Net.Http;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.BackPressure;
using Hakmem.Samples.Tests.Support;
using Xunit;

namespace Hakmem.Samples.Tests.BackPressure;

// Downloads at a limit for the buffers of a few. Without waiting, all but as many are cut short, since each asks while
// the first ones have theirs.
public sealed class BackPressureTests
{
    private const int Buffers = 4;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(60)]
    [InlineData(5)]
    public async Task NoDownloadIsCutShortWhereRentalsWait(int downloads)
    {
        string output = await SampleProcess.RunAsync("Hakmem.BackPressure", $"{downloads}");
        Match refused = Assert.Single(Way("Rent").Matches(output));
        Match queued = Assert.Single(Way("RentAsync").Matches(output));
        Assert.Equal((Buffers, downloads - Buffers, 0), Figures(refused));
        Assert.Equal((downloads, 0, downloads - Buffers), Figures(queued));
        Assert.InRange(Figure(queued, "served"), 1, Buffers);
    }

    [Fact]
    public async Task DownloadsThatFitAreWholeBothWays()
    {
        string output = await SampleProcess.RunAsync("Hakmem.BackPressure", "3");
        Assert.All(
            [Way("Rent"), Way("RentAsync")], way =>
                Assert.Equal((3, 0, 0), Figures(Assert.Single(way.Matches(output)))));
    }

    // Whose requests never come to their rental.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AFailedDownloadHoldsUpNoOther(bool waits)
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        using HttpClient client = new(new FailingHandler(failures: 2));
        Outcome outcome = await Outcome.OfAsync(5, waits, client).WaitAsync(s_patience, cancelled);
        Assert.Equal((3, 2), (outcome.Whole, outcome.CutShort));
    }

    private static (int Whole, int Cut, int Waited) Figures(Match way) =>
        (Figure(way, "whole"), Figure(way, "cut"), Figure(way, "waited"));

    private static int Figure(Match way, string group) =>
        int.Parse(way.Groups[group].Value, CultureInfo.InvariantCulture);

    private static Regex Way(string name) => new(
        $@"^  {name} +(?<whole>\d+) whole +(?<cut>\d+) cut short +(?<waited>\d+) waited +" +
            @"(?<served>\d+) served at a time\r?$",
        RegexOptions.Multiline);

    private sealed class FailingHandler(int failures) : DelegatingHandler(new SocketsHttpHandler())
    {
        private int _left = failures;

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken) =>
            Interlocked.Decrement(ref _left) >= 0
                ? throw new HttpRequestException("The network is down.")
                : base.SendAsync(request, cancellationToken);
    }
}
