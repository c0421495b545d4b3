using System.Collections.Generic;
using System.Linq;
using Hakmem.Documentation.Tests.Commands;
using YamlDotNet.RepresentationModel;

namespace Hakmem.Documentation.Tests.FrontDoor;

// A job of a workflow of .github.
internal sealed record WorkflowJob(string File, string Name, YamlNode Node)
{
    public static IEnumerable<string> Files => YamlFile.Below(".github/workflows");

    public static IEnumerable<WorkflowJob> All => Files.SelectMany(file =>
    {
        YamlNode jobs = YamlFile.Read(file).Find("jobs")!;
        return jobs.Keys().Select(name => new WorkflowJob(file, name, jobs.Find(name)!));
    });

    public IEnumerable<YamlNode> Steps => Node.Items("steps");

    // Those that start a project or a script of this repository.
    public IEnumerable<ShellCommand> Commands => ShellCommand.Among(
        File, Steps.Select(step => step.Text("run")).OfType<string>().SelectMany(script => script.Split('\n')));
}
