using System.Linq;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Hakmem.Documentation.Tests.FrontDoor;

// What each workflow has, besides commands that name what there is (ShellCommandTests).
public sealed class WorkflowTests
{
    public static TheoryData<string> Files => [.. WorkflowJob.Files];

    public static TheoryData<string, string> Jobs
    {
        get
        {
            TheoryData<string, string> jobs = [];
            foreach (WorkflowJob job in WorkflowJob.All)
            {
                jobs.Add(job.File, job.Name);
            }

            return jobs;
        }
    }

    [Fact]
    public void WholeOfCiRunsInAJob() =>
        Assert.Contains(WorkflowJob.All.SelectMany(job => job.Commands), command => command.Text == "bash .ci/run");

    [Theory]
    [MemberData(nameof(Files))]
    public void WorkflowMayOnlyRead(string file)
    {
        YamlNode permissions = YamlFile.Read(file).Find("permissions")!;
        Assert.Equal("contents", Assert.Single(permissions.Keys()));
        Assert.Equal("read", permissions.Text("contents"));
        Assert.All(WorkflowJob.All.Where(job => job.File == file), job => Assert.Null(job.Node.Find("permissions")));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void WorkflowHasAConcurrencyGroup(string file) =>
        Assert.False(string.IsNullOrEmpty(YamlFile.Read(file).Find("concurrency")!.Text("group")));

    [Theory]
    [MemberData(nameof(Jobs))]
    public void JobHasATimeLimitAndSteps(string file, string name)
    {
        WorkflowJob job = WorkflowJob.All.Single(candidate => candidate.File == file && candidate.Name == name);
        Assert.InRange(int.Parse(job.Node.Text("timeout-minutes")!, null), 1, 120);
        Assert.NotEmpty(job.Steps);
        Assert.All(job.Steps, step => Assert.True(step.Find("run") is null != step.Find("uses") is null));
    }

    [Theory]
    [MemberData(nameof(Jobs))]
    public void JobUsesActionsOfAMajorVersion(string file, string name)
    {
        WorkflowJob job = WorkflowJob.All.Single(candidate => candidate.File == file && candidate.Name == name);
        string[] actions = [.. job.Steps.Select(step => step.Text("uses")).OfType<string>()];
        Assert.NotEmpty(actions);
        Assert.All(actions, action => Assert.Matches("^actions/[a-z-]+@v[0-9]+$", action));
    }
}
